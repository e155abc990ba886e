// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryTest {
  private static final long MIB = 1 << 20;

  @TempDir private Path root;

  @BeforeEach
  void machine() throws IOException {
    put("proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable: 8388608 kB\n");
  }

  private void put(String file, String content) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, content);
  }

  @Test
  void withoutGroupsTheMachineDecides() {
    assertEquals(8192 * MIB, Memory.available(root));
  }

  @Test
  void aLimitOfCgroupV2CountsWithItsUsageButNotItsPageCache() throws IOException {
    put("sys/fs/cgroup/cgroup.controllers", "memory\n");
    put("proc/self/cgroup", "0::/job/step\n");
    put("sys/fs/cgroup/job/memory.max", 2048 * MIB + "\n");
    put("sys/fs/cgroup/job/memory.current", 1024 * MIB + "\n");
    put("sys/fs/cgroup/job/memory.stat", "anon 1\ninactive_file " + 24 * MIB + "\n");
    put("sys/fs/cgroup/job/step/memory.max", "max\n");
    put("sys/fs/cgroup/job/step/memory.current", 1000 * MIB + "\n");
    assertEquals(1048 * MIB, Memory.available(root));
  }

  @Test
  void inAContainerWithAHostsPathTheRootGroupCounts() throws IOException {
    put("sys/fs/cgroup/cgroup.controllers", "memory\n");
    put("proc/self/cgroup", "0::/docker/not-mounted-here\n");
    put("sys/fs/cgroup/memory.max", 512 * MIB + "\n");
    put("sys/fs/cgroup/memory.current", 600 * MIB + "\n");
    assertEquals(0, Memory.available(root));
  }

  @Test
  void aLimitOfCgroupV1Counts() throws IOException {
    put("proc/self/cgroup", "12:cpu,cpuacct:/a\n11:memory:/a\n0::/\n");
    put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", 1000 * MIB + "\n");
    put("sys/fs/cgroup/memory/a/memory.usage_in_bytes", 300 * MIB + "\n");
    put("sys/fs/cgroup/memory/a/memory.stat", "total_inactive_file " + 100 * MIB + "\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assertEquals(800 * MIB, Memory.available(root));
  }

  @Test
  void whatDoesNotFitIsRefusedWithBothFigures() {
    assertTrue(Memory.available() > 0 && Memory.available() <= Memory.total());
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class, () -> Memory.require("the mask", Long.MAX_VALUE));
    assertTrue(
        refused.getMessage().startsWith("the mask needs 8796093022207 MiB, "),
        refused.getMessage());
  }
}
