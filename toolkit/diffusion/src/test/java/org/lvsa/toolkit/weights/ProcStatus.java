// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** What Linux tells of this process's memory. */
public final class ProcStatus {
  private static final Path STATUS = Path.of("/proc/self/status");

  private ProcStatus() {}

  /** Skips a test on other systems. */
  public static void assumePresent() {
    Assumptions.assumeTrue(Files.exists(STATUS), "skipped: no /proc here");
  }

  /**
   * A line's number in bytes.
   *
   * @param line {@code VmRSS}, what is in memory now, pages of mapped files included, or {@code
   *     VmHWM}, the most that ever was
   */
  public static long bytes(String line) throws IOException {
    for (String each : Files.readAllLines(STATUS)) {
      if (each.startsWith(line + ":")) {
        return Long.parseLong(each.replaceAll("\\D", "")) * 1024;
      }
    }
    throw new IOException(STATUS + ": no " + line);
  }
}
