// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.offload;

import java.util.LinkedHashMap;
import java.util.Map;

/** Counts which weights are in memory. Safe for several threads. */
final class Residency {
  private final Map<String, Long> resident = new LinkedHashMap<>();
  private long bytes;
  private long most;
  private int mostBlocks;
  private int blocks;

  /** Weights came. */
  synchronized void came(String name, long size, boolean block) {
    if (resident.putIfAbsent(name, size) == null) {
      bytes += size;
      blocks += block ? 1 : 0;
      most = Math.max(most, bytes);
      mostBlocks = Math.max(mostBlocks, blocks);
    }
  }

  /** Weights went. */
  synchronized void went(String name, boolean block) {
    Long size = resident.remove(name);
    if (size != null) {
      bytes -= size;
      blocks -= block ? 1 : 0;
    }
  }

  synchronized boolean has(String name) {
    return resident.containsKey(name);
  }

  /** A new part of the run begins: what is there now is its first high-water mark. */
  synchronized void restart() {
    most = bytes;
    mostBlocks = blocks;
  }

  /** The most bytes that were there at a time. */
  synchronized long most() {
    return most;
  }

  /** The most blocks that were there at a time. */
  synchronized int mostBlocks() {
    return mostBlocks;
  }
}
