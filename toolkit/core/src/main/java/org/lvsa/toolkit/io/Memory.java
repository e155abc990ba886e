// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;

/**
 * How much memory this process may still take, and how much there is in all. The machine's free
 * memory counts, and so do the limits of the control groups (cgroup v1 or v2) that containers and
 * batch systems set, whichever is less.
 */
public final class Memory {
  private static final Path ROOT = Path.of("/");

  private Memory() {}

  /** Bytes that this process can still take. */
  public static long available() {
    return available(ROOT);
  }

  /** Bytes that this process could have in all: the machine's memory or its cgroup's limit. */
  public static long total() {
    long machine = meminfo(ROOT, "MemTotal").orElseGet(() -> bean().getTotalMemorySize());
    return groups(ROOT).stream().mapToLong(Group::limit).reduce(machine, Math::min);
  }

  /**
   * Refuses what does not fit, before anything is allocated.
   *
   * @param what the thing that needs the memory, as the message names it
   * @param bytes that it needs
   * @throws IllegalArgumentException saying how much is needed and how much is free
   */
  public static void require(String what, long bytes) {
    long free = available();
    if (bytes > free) {
      throw new IllegalArgumentException(
          what + " needs " + (bytes >> 20) + " MiB, " + (free >> 20) + " MiB are free here");
    }
  }

  /**
   * Refuses what does not fit into this JVM's heap, before anything is allocated.
   *
   * @param what the thing that needs the memory, as the message names it
   * @param bytes that it needs
   * @throws IllegalArgumentException saying how much is needed and how much is free
   */
  public static void requireHeap(String what, long bytes) {
    Runtime jvm = Runtime.getRuntime();
    long free = jvm.maxMemory() - (jvm.totalMemory() - jvm.freeMemory());
    if (bytes > free) {
      throw new IllegalArgumentException(
          what
              + " needs "
              + (bytes >> 20)
              + " MiB, "
              + (free >> 20)
              + " MiB are free in the Java heap");
    }
  }

  /** As {@link #available()}, with {@code /proc} and {@code /sys} under another root. */
  static long available(Path root) {
    long machine = meminfo(root, "MemAvailable").orElseGet(() -> bean().getFreeMemorySize());
    return groups(root).stream().mapToLong(Group::free).reduce(machine, Math::min);
  }

  private static com.sun.management.OperatingSystemMXBean bean() {
    return ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class);
  }

  private static OptionalLong meminfo(Path root, String field) {
    return lines(root.resolve("proc/meminfo")).stream()
        .filter(line -> line.startsWith(field + ":"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
        .findFirst();
  }

  /** One control group that bounds this process. */
  private record Group(long limit, long used) {
    long free() {
      return Math.max(limit - used, 0);
    }
  }

  /** Every group from the process's own up to the root that has a limit. */
  private static List<Group> groups(Path root) {
    for (String line : lines(root.resolve("proc/self/cgroup"))) {
      String[] parts = line.split(":", 3);
      if (parts.length < 3) {
        continue;
      }
      boolean v2 = parts[0].equals("0") && parts[1].isEmpty();
      boolean v1 = Arrays.asList(parts[1].split(",")).contains("memory");
      if (v1 || (v2 && Files.exists(root.resolve("sys/fs/cgroup/cgroup.controllers")))) {
        Path mount = root.resolve(v1 ? "sys/fs/cgroup/memory" : "sys/fs/cgroup");
        return above(mount, mount.resolve(parts[2].replaceFirst("^/+", "")).normalize(), v1);
      }
    }
    return List.of();
  }

  private static List<Group> above(Path mount, Path own, boolean v1) {
    List<Group> groups = new ArrayList<>();
    // In a container the path may be the host's, which is not there; its root always is.
    for (Path at = own.startsWith(mount) ? own : mount; at.startsWith(mount); at = at.getParent()) {
      Path directory = at;
      number(directory.resolve(v1 ? "memory.limit_in_bytes" : "memory.max"))
          .ifPresent(limit -> groups.add(new Group(limit, used(directory, v1))));
    }
    return groups;
  }

  /** Memory in use without the page cache that the kernel would give back. */
  private static long used(Path group, boolean v1) {
    long usage = number(group.resolve(v1 ? "memory.usage_in_bytes" : "memory.current")).orElse(0);
    String field = v1 ? "total_inactive_file " : "inactive_file ";
    long reclaimable =
        lines(group.resolve("memory.stat")).stream()
            .filter(line -> line.startsWith(field))
            .mapToLong(line -> Long.parseLong(line.substring(field.length()).strip()))
            .findFirst()
            .orElse(0);
    return Math.max(usage - reclaimable, 0);
  }

  /** A number in a file; empty for {@code max}, which means no limit. */
  private static OptionalLong number(Path file) {
    return lines(file).stream()
        .map(String::strip)
        .filter(line -> line.matches("\\d{1,18}"))
        .mapToLong(Long::parseLong)
        .findFirst();
  }

  private static List<String> lines(Path file) {
    try {
      return Files.isReadable(file) ? Files.readAllLines(file) : List.of();
    } catch (IOException e) {
      return List.of();
    }
  }
}
