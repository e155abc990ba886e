// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** The size of a core's second-level cache, as Linux tells it in its folder of the first core. */
final class CacheSize {
  /** What is assumed where the system does not tell: the smallest of today's usual sizes. */
  static final int DEFAULT = 512 << 10;

  private CacheSize() {}

  /** The second-level cache of this machine in bytes. */
  static int secondLevel() {
    return secondLevel(Path.of("/sys/devices/system/cpu/cpu0/cache"));
  }

  /**
   * The second-level cache in bytes, from a folder with a folder {@code index…} per cache; {@link
   * #DEFAULT} if there is no such folder, or nothing in it that can be read.
   */
  static int secondLevel(Path folder) {
    try (DirectoryStream<Path> caches = Files.newDirectoryStream(folder, "index*")) {
      for (Path cache : caches) {
        if (read(cache.resolve("level")).equals("2")) {
          String size = read(cache.resolve("size"));
          int unit = size.endsWith("K") ? 10 : size.endsWith("M") ? 20 : 0;
          int number = Integer.parseInt(unit == 0 ? size : size.substring(0, size.length() - 1));
          return Math.multiplyExact(number, 1 << unit);
        }
      }
      return DEFAULT;
    } catch (IOException | NumberFormatException | ArithmeticException e) {
      return DEFAULT;
    }
  }

  private static String read(Path file) throws IOException {
    return Files.readString(file).strip();
  }
}
