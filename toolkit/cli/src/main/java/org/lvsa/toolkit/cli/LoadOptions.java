// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.lvsa.toolkit.io.Memory;
import org.lvsa.toolkit.weights.ReadAhead;
import picocli.CommandLine.Option;

/** How a model's weights come from the disk. */
final class LoadOptions {
  /** Less than this is read in no time. */
  private static final long SMALL = 1 << 28;

  @Option(
      names = "--load-threads",
      paramLabel = "N",
      description =
          "threads that read the weights before they are needed, 0 to read them when they are"
              + " needed (default: "
              + ReadAhead.THREADS
              + ")")
  private int threads = ReadAhead.THREADS;

  /** Refuses what makes no sense. */
  void check() {
    if (threads < 0) {
      throw new IllegalArgumentException("--load-threads must be at least 0, got " + threads);
    }
  }

  /** Reads the weights, unless they are small or do not fit into the memory that is free. */
  void read(List<Path> weights, PrintWriter err) {
    long bytes = ReadAhead.bytes(weights);
    if (threads == 0 || bytes < SMALL) {
      return;
    }
    try (GenerateProgress progress = new GenerateProgress(err, "")) {
      long free = Memory.available();
      if (bytes > free) {
        progress.line(
            (bytes >> 20)
                + " MiB of weights are read when they are needed: "
                + (free >> 20)
                + " MiB are free");
        return;
      }
      ReadAhead.read(weights, threads, progress.reading(bytes));
    }
  }
}
