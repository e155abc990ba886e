// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.SparkEnv;
import org.apache.spark.SparkFiles;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import org.lvsa.toolkit.sweep.GroupMeasurement;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.Status;
import org.lvsa.toolkit.sweep.SweepSettings;

/**
 * One group as it travels to an executor: settings and seeds, no tensors.
 *
 * @param settings one geometry on one backend, as {@link SweepSettings#toJson} has it
 * @param inputSha256 checksum of the input file; empty for inputs that are made
 */
record GroupTask(String settings, String inputSha256) implements Serializable {
  /**
   * Measures on this executor.
   *
   * @throws IOException if a cell failed and the group is to be tried again elsewhere
   */
  GroupMeasurement run() throws IOException {
    TaskContext context = TaskContext.get();
    SweepSettings group = SweepSettings.ofJson(settings);
    SweepSettings here =
        group.toBuilder()
            .device(device(group.device(), group.backends().getFirst(), context.resourcesJMap()))
            .input(input(group.input()))
            .build();
    GroupMeasurement measured =
        GroupMeasurement.measure(here, inputSha256, SparkEnv.get().executorId());
    if (context.attemptNumber() + 1 < SparkSettings.TRIES) {
      Optional<ResultRow> failed =
          measured.rows().stream().filter(row -> row.status() == Status.FAILED).findFirst();
      if (failed.isPresent()) {
        throw new IOException(failed.get().cell().title() + ": " + failed.get().note());
      }
    }
    return measured;
  }

  /**
   * The device to measure on: the one that Spark assigned, where it assigns any.
   *
   * @param asked device of the settings; empty for the backend's own choice
   * @param resources what Spark assigned to this task, by kind
   */
  static String device(String asked, String backend, Map<String, ResourceInformation> resources) {
    ResourceInformation gpus = resources.get("gpu");
    boolean onGpu = List.of("tornado", "cudnn").contains(backend);
    return gpus == null || !onGpu ? asked : "0:" + gpus.addresses()[0];
  }

  /** The input on this machine: a file that {@code --files} brought, or the same path. */
  private static String input(String asked) {
    Path name = Path.of(asked).getFileName();
    Path brought = name == null ? Path.of(asked) : Path.of(SparkFiles.get(name.toString()));
    return Files.isRegularFile(brought) ? brought.toString() : asked;
  }
}
