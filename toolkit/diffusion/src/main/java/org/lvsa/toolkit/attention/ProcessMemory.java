// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.bytedeco.javacpp.Pointer;

/**
 * The memory that this process holds, in bytes.
 *
 * @param allocated heap in use, plus what ND4J has allocated outside the heap
 * @param reserved heap that the JVM has reserved, plus what ND4J has allocated outside the heap
 * @param peak the most that the process has had in memory at any time ({@code VmHWM}); where the
 *     system does not tell, what it has now
 */
record ProcessMemory(long allocated, long reserved, long peak) {
  private static final Path STATUS = Path.of("/proc/self/status");

  static ProcessMemory now() {
    Runtime runtime = Runtime.getRuntime();
    long outside = Pointer.totalBytes();
    return new ProcessMemory(
        runtime.totalMemory() - runtime.freeMemory() + outside,
        runtime.totalMemory() + outside,
        highWaterMark());
  }

  private static long highWaterMark() {
    if (Files.isReadable(STATUS)) {
      try {
        for (String line : Files.readAllLines(STATUS)) {
          if (line.startsWith("VmHWM:")) {
            return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
          }
        }
      } catch (IOException e) {
        return Pointer.physicalBytes();
      }
    }
    return Pointer.physicalBytes();
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "alloc=%.2fGB reserved=%.2fGB peak=%.2fGB",
        allocated / 1e9,
        reserved / 1e9,
        peak / 1e9);
  }
}
