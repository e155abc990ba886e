// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pattern;

import java.util.stream.IntStream;

/**
 * Which part of a video's tokens one rank holds under context parallelism: the {@code rank}-th of
 * {@code world} equal parts, in the order of the sequence.
 *
 * @param rank this rank, from 0, below {@code world}
 * @param world ranks that share the sequence, at least 1
 */
public record RankSlice(int rank, int world) {
  /** One rank that holds the whole sequence. */
  public static final RankSlice WHOLE = new RankSlice(0, 1);

  /**
   * @throws IllegalArgumentException if {@code world} is below 1 or {@code rank} is not below it
   */
  public RankSlice {
    if (world < 1) {
      throw new IllegalArgumentException("world must be at least 1, got " + world);
    }
    if (rank < 0 || rank >= world) {
      throw new IllegalArgumentException(
          "rank must be from 0 to " + (world - 1) + " (world is " + world + "), got " + rank);
    }
  }

  /**
   * Makes sure that the tokens of a video divide evenly among the ranks.
   *
   * @throws IllegalArgumentException naming a number of ranks that they divide by, if they do not
   */
  void check(PatternSettings settings) {
    long tokens = (long) settings.latentFrames() * settings.patchesPerFrame();
    if (tokens % world != 0) {
      throw new IllegalArgumentException(
          "world must divide the "
              + tokens
              + " tokens ("
              + settings.latentFrames()
              + " frames of "
              + settings.patchesPerFrame()
              + " patches), got "
              + world
              + ": try "
              + IntStream.iterate(world, fewer -> fewer - 1)
                  .filter(fewer -> tokens % fewer == 0)
                  .findFirst()
                  .orElseThrow());
    }
  }
}
