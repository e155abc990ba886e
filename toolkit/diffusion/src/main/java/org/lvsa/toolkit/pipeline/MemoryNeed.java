// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
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

  /** The part that makes latents of noise. */
  public static final String DENOISING = "denoising";

  /**
   * Refuses what does not fit, before anything is loaded.
   *
   * @param parts of one generation
   * @throws UnavailableException saying what is needed and what is free
   */
  public static void require(List<MemoryNeed> parts) {
    lacking(parts)
        .ifPresent(
            lack -> {
              throw new UnavailableException(lack);
            });
  }

  /** What is needed and what is free, where that is less. */
  public static Optional<String> lacking(List<MemoryNeed> parts) {
    MemoryNeed largest = largest(parts);
    long free = Memory.available();
    return largest.bytes() <= free
        ? Optional.empty()
        : Optional.of(largest + " of memory, " + (free >> 20) + " MiB are free here");
  }

  /** In words: {@code denoising needs 1200 MiB}. */
  @Override
  public String toString() {
    return part + " needs " + (bytes >> 20) + " MiB";
  }

  /** The part that takes most. */
  public static MemoryNeed largest(List<MemoryNeed> parts) {
    return parts.stream().max(Comparator.comparingLong(MemoryNeed::bytes)).orElseThrow();
  }
}
