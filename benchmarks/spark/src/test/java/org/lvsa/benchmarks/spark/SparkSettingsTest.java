// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.resource.ResourceInformation;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SparkSettingsTest {
  private static void refused(String words, String master, Map<String, String> settings) {
    String said =
        assertThrows(IllegalArgumentException.class, () -> SparkSettings.of(master, settings, null))
            .getMessage();
    assertTrue(said.contains(words), said);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "local; 1; local[1,3]",
        "local[4]; 4; local[4,3]",
        "local-cluster[2,3,4096]; 3; local-cluster[2,3,4096]"
      })
  void aTaskTakesAllCoresOfItsExecutor(String master, String cpus, String started) {
    SparkConf conf = SparkSettings.of(master, Map.of(), null);
    assertEquals(cpus, conf.get("spark.task.cpus"));
    assertEquals(started, conf.get("spark.master"));
    assertEquals("false", conf.get("spark.speculation"));
    assertEquals("3", conf.get("spark.task.maxFailures"));
    assertTrue(
        conf.get("spark.executor.extraJavaOptions").contains("-XX:ActiveProcessorCount=" + cpus));
  }

  @Test
  void aStandaloneExecutorsCoresHaveToBeSaid() {
    refused("spark.executor.cores=N", "spark://host:7077", Map.of());
    Map<String, String> cores = Map.of("spark.executor.cores", "8");
    assertEquals("8", SparkSettings.of("spark://host:7077", cores, null).get("spark.task.cpus"));
    refused(
        "spark.task.cpus must equal spark.executor.cores (8), got 2",
        "k8s://https://host:6443",
        Map.of("spark.executor.cores", "8", "spark.task.cpus", "2"));
  }

  @Test
  void whatWouldSpoilMeasurementsIsRefused() {
    refused("spark.speculation must be false", "local", Map.of("spark.speculation", "true"));
    refused("must be 1", "local", Map.of("spark.task.resource.gpu.amount", "2"));
    refused("--master must be spark://", "mesos://host", Map.of());
    refused("got local[x]", "local[x]", Map.of());
  }

  @Test
  void executorsOfTheCheckoutShareAnArchiveOfClasses() {
    String name = "spark.executor.extraJavaOptions";
    SparkConf there = SparkSettings.of("local-cluster[2,1,1024]", Map.of(), null);
    SparkSettings.shareClasses(there, "/a checkout/executor.jsa");
    assertTrue(there.get(name).endsWith("\"-XX:SharedArchiveFile=/a checkout/executor.jsa\""));
    SparkConf pods =
        SparkSettings.of("k8s://https://host:6443", Map.of("spark.executor.cores", "8"), null);
    SparkSettings.shareClasses(pods, "/a checkout/executor.jsa");
    assertFalse(pods.get(name).contains("SharedArchiveFile"));
  }

  @Test
  void theDeviceThatSparkAssignsIsTheOneThatMeasures() {
    Map<String, ResourceInformation> gpu =
        Map.of("gpu", new ResourceInformation("gpu", new String[] {"3"}));
    assertEquals("0:3", GroupTask.device("", "tornado", gpu));
    assertEquals("", GroupTask.device("", "vector", gpu));
    assertEquals("0:1", GroupTask.device("0:1", "tornado", Map.of()));
  }
}
