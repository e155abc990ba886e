// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

/**
 * A window of frames around each frame, with gaps if wanted, and the first frames as sinks. A
 * baseline: blocks of raster tokens see each other if any two of their tokens do; text sees and is
 * seen by everything.
 *
 * @param block tokens per block
 * @param radius frames seen on each side
 * @param dilation distance between frames that are seen; 1 for neighbours
 * @param sink first frames that every query sees
 */
public record FrameWindowPattern(int block, int radius, int dilation, int sink)
    implements StaticPattern {

  /**
   * @throws IllegalArgumentException if a number is out of range
   */
  public FrameWindowPattern {
    Checks.atLeast("block", block, 1);
    Checks.atLeast("radius", radius, 0);
    Checks.atLeast("dilation", dilation, 1);
    Checks.atLeast("sink", sink, 0);
  }

  @Override
  public String name() {
    return dilation == 1 ? "window" : "dilated";
  }

  @Override
  public BlockMask mask(TokenGrid grid) {
    int frameTokens = grid.frameTokens();
    int video = grid.videoTokens();
    return BlockMask.uniform(
        grid.tokens(),
        block,
        (query, key) -> {
          long queryEnd = Math.min((query + 1L) * block, grid.tokens());
          long keyEnd = Math.min((key + 1L) * block, grid.tokens());
          if (queryEnd > video || keyEnd > video) {
            return true;
          }
          int firstKey = (int) ((long) key * block / frameTokens);
          if (firstKey < sink) {
            return true;
          }
          return seen(
              (int) ((long) query * block / frameTokens),
              (int) ((queryEnd - 1) / frameTokens),
              firstKey,
              (int) ((keyEnd - 1) / frameTokens));
        });
  }

  private boolean seen(int firstQuery, int lastQuery, int firstKey, int lastKey) {
    for (int query = firstQuery; query <= lastQuery; query++) {
      for (int key = firstKey; key <= lastKey; key++) {
        int distance = Math.abs(query - key);
        if (distance <= (long) radius * dilation && distance % dilation == 0) {
          return true;
        }
      }
    }
    return false;
  }
}
