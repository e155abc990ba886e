// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheSizeTest {

  @Test
  void theSecondLevelIsRead(@TempDir Path folder) throws IOException {
    cache(folder.resolve("index0"), "1", "48K");
    cache(folder.resolve("index2"), "2", "1024K");
    cache(folder.resolve("index3"), "3", "32768K");
    assertEquals(1 << 20, CacheSize.secondLevel(folder));
    cache(folder.resolve("index2"), "2", "2M");
    assertEquals(2 << 20, CacheSize.secondLevel(folder));
  }

  @Test
  void whatCannotBeReadIsTheDefault(@TempDir Path folder) throws IOException {
    assertEquals(CacheSize.DEFAULT, CacheSize.secondLevel(folder.resolve("absent")));
    assertEquals(CacheSize.DEFAULT, CacheSize.secondLevel(folder));
    cache(folder.resolve("index2"), "2", "large");
    assertEquals(CacheSize.DEFAULT, CacheSize.secondLevel(folder));
  }

  private static void cache(Path folder, String level, String size) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("level"), level + "\n");
    Files.writeString(folder.resolve("size"), size + "\n");
  }
}
