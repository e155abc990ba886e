// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.sweep.ClusterSweep;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.Status;
import org.lvsa.toolkit.sweep.SweepListener;
import org.lvsa.toolkit.sweep.SweepRunner.Resume;
import org.lvsa.toolkit.sweep.SweepSettings;

/**
 * Spark's scheduling of GPUs, with workers whose discovery scripts say that they have one: Spark
 * asks the script, gives each executor an address, and the task measures on that device.
 */
@Tag("full")
class GpuSchedulingTest {
  @TempDir private Path directory;

  /** What a worker's discovery script prints, which Spark's own script has from nvidia-smi. */
  private List<String> options(String worker) {
    String address = worker.equals("one") ? "3" : "5";
    Path script = directory.resolve("gpus-" + worker + ".sh");
    Path settings = directory.resolve(worker + ".conf");
    try {
      Files.writeString(
          script, "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [\"" + address + "\"]}'\n");
      if (!script.toFile().setExecutable(true)) {
        throw new IllegalStateException(script + " cannot be made executable");
      }
      Files.writeString(
          settings,
          "spark.worker.resource.gpu.amount 1\nspark.worker.resource.gpu.discoveryScript "
              + script
              + "\n");
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return List.of("--properties-file", settings.toString());
  }

  @Test
  void aTaskMeasuresOnTheDeviceThatSparkAssigns() throws IOException {
    SweepSettings settings =
        SweepSettings.defaults()
            .latentFrames(List.of(9, 10, 11, 12, 13, 14))
            .patchesPerFrame(List.of(16))
            .sparsityScales(List.of(0.25))
            .window(1)
            .heads(1)
            .reps(1)
            .maxSeconds(0)
            .backends(List.of("tornado"))
            .build();
    try (Standalone standalone = Standalone.start(directory, this::options);
        SparkCluster cluster =
            ClusterSweepTest.connect(
                standalone.master(),
                Map.of(
                    "spark.executor.cores", "1",
                    "spark.executor.memory", "1g",
                    "spark.executor.resource.gpu.amount", "1",
                    "spark.task.resource.gpu.amount", "1"))) {
      List<ResultRow> rows =
          new ClusterSweep(settings, directory.resolve("out"), SweepListener.silent(), false)
              .run(Resume.NO, List.of("test"), cluster);
      assertEquals(6, rows.size());
      rows.forEach(row -> assertEquals(Status.OK, row.status(), row.note()));
      // Executors are numbered as they come, so which of them is on which worker is Spark's choice.
      Map<String, Set<String>> devices =
          rows.stream()
              .collect(
                  Collectors.groupingBy(
                      row -> row.provenance().executor(),
                      Collectors.mapping(row -> row.provenance().device(), Collectors.toSet())));
      devices.values().forEach(of -> assertEquals(1, of.size(), devices.toString()));
      assertEquals(
          Set.of("fake 0:3", "fake 0:5"),
          devices.values().stream().flatMap(Set::stream).collect(Collectors.toSet()));
    }
  }
}
