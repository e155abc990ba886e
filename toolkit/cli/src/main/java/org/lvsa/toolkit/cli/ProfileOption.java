// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import org.lvsa.toolkit.profile.Profile;
import picocli.CommandLine.Option;

/** The option that records what a run spends its time on. */
final class ProfileOption {
  @Option(
      names = "--profile",
      paramLabel = "DIR",
      description =
          "record phases, steps, blocks, kernels and transfers: DIR/trace_rank0.json opens in"
              + " ui.perfetto.dev, DIR/profile_rank0.jfr in JDK Mission Control; with --transformer"
              + " device also a table of text encoder, steps and VAE by kind of work")
  private Path folder;

  /** Work that may be recorded. */
  @FunctionalInterface
  interface Work {
    /** Does it and gives an exit code. */
    int run() throws Exception;
  }

  /** Does the work, recorded where that is asked for. */
  int around(int rank, PrintWriter out, Work work) throws Exception {
    if (folder == null) {
      return work.run();
    }
    try (Profile profile = Profile.start(folder, rank)) {
      int code = work.run();
      Path trace = profile.stop();
      if (rank == 0) {
        profile.work().forEach(line -> out.println("  " + line));
        out.println("  profile: " + trace);
        out.flush();
      }
      return code;
    }
  }
}
