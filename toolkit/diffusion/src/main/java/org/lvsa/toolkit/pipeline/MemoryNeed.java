// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.Comparator;
import java.util.List;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.io.Memory;

/**
 * Memory that a part of a generation takes at its largest, weights included. The parts run one
 * after another, so the largest one decides.
 *
 * @param part what takes it, in words
 * @param bytes that it takes
 */
public record MemoryNeed(String part, long bytes) {

  /**
   * Refuses what does not fit, before anything is loaded.
   *
   * @param parts of one generation
   * @throws UnavailableException saying what is needed and what is free
   */
  public static void require(List<MemoryNeed> parts) {
    MemoryNeed largest = largest(parts);
    long free = Memory.available();
    if (largest.bytes() > free) {
      throw new UnavailableException(
          largest.part()
              + " needs "
              + (largest.bytes() >> 20)
              + " MiB of memory, "
              + (free >> 20)
              + " MiB are free here");
    }
  }

  /** The part that takes most. */
  static MemoryNeed largest(List<MemoryNeed> parts) {
    return parts.stream().max(Comparator.comparingLong(MemoryNeed::bytes)).orElseThrow();
  }
}
