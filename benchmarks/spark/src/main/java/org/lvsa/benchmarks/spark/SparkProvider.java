// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.lvsa.toolkit.sweep.ClusterProvider;
import org.lvsa.toolkit.sweep.ClusterSweep;

/** Connects {@code lvsa sweep --master} and {@code lvsa report --master} to Spark. */
public final class SparkProvider implements ClusterProvider {
  /** For {@link java.util.ServiceLoader}. */
  public SparkProvider() {}

  @Override
  public ClusterSweep.Cluster connect(String master, Map<String, String> settings) {
    return new SparkCluster(conf(master, settings));
  }

  @Override
  public List<Path> report(String master, Map<String, String> settings, Path directory)
      throws IOException {
    // Many small tasks at once: nothing is measured here.
    return SparkReport.write(directory, conf(master, settings).remove("spark.task.cpus"));
  }

  private static SparkConf conf(String master, Map<String, String> settings) {
    SparkConf conf = SparkSettings.of(master, settings, System.getenv("LVSA_SPARK_CLASSPATH"));
    SparkSettings.shareClasses(conf, System.getenv("LVSA_SPARK_ARCHIVE"));
    return conf;
  }
}
