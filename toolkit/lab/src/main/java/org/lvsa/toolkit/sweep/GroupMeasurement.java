// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.io.OutputFile;

/**
 * What a process elsewhere measured of a sweep: the files that its own small sweep left. It travels
 * as text, since a sweep's rows are read from text everywhere.
 *
 * @param results {@code results.csv}, header included
 * @param environment {@code environment.json}
 * @param masks name → file of the folder {@code masks}
 * @param executor which process measured
 */
public record GroupMeasurement(
    String results, String environment, TreeMap<String, String> masks, String executor)
    implements Serializable {

  /**
   * Measures one group here, in a folder that is removed afterwards.
   *
   * @param group one geometry on one backend, see {@link SweepSettings#groups}
   * @param inputSha256 checksum that the input file must have; empty for inputs that are made
   * @param executor name of this process
   * @throws IllegalArgumentException if the input's bytes are others, or the group does not fit
   */
  public static GroupMeasurement measure(SweepSettings group, String inputSha256, String executor)
      throws IOException {
    Path scratch = Files.createTempDirectory("lvsa-group");
    try {
      String here = Identity.of("", InputSource.parse(group.input())).inputSha256();
      if (!here.equals(inputSha256)) {
        throw new IllegalArgumentException(
            group.input()
                + " holds other bytes on this machine than where the sweep was started: SHA-256 "
                + here
                + " here, "
                + inputSha256
                + " there");
      }
      Path directory = scratch.resolve("sweep");
      new SweepRunner(group, directory, SweepListener.silent(), false)
          .run(SweepRunner.Resume.NO, List.of("a part of a sweep of several processes"));
      return new GroupMeasurement(
          Files.readString(directory.resolve(ResultsFile.NAME)),
          Files.readString(directory.resolve("environment.json")),
          masks(directory.resolve("masks")),
          executor);
    } finally {
      remove(scratch);
    }
  }

  private static TreeMap<String, String> masks(Path folder) throws IOException {
    TreeMap<String, String> masks = new TreeMap<>();
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.toList()) {
          masks.put(file.getFileName().toString(), Files.readString(file));
        }
      }
    }
    return masks;
  }

  private static void remove(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  /** The rows, each with the process that measured it. */
  public List<ResultRow> rows() {
    return ResultsFile.read(Path.of("results of executor " + executor), results).stream()
        .map(row -> row.withExecutor(executor))
        .toList();
  }

  /** Writes masks and environment into the sweep's directory. */
  void keep(Path directory) throws IOException {
    for (Map.Entry<String, String> mask : masks.entrySet()) {
      write(directory.resolve("masks").resolve(mask.getKey()), mask.getValue());
    }
    String name = executor.replaceAll("[^a-zA-Z0-9.]+", "-");
    write(directory.resolve("environments").resolve(name + ".json"), environment);
  }

  private static void write(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    OutputFile.write(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }
}
