// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

/**
 * Neighbouring blocks and every {@code stride}-th block. A baseline over blocks of raster tokens;
 * blocks with text see and are seen by everything.
 *
 * @param block tokens per block
 * @param local blocks seen on each side
 * @param stride distance of the blocks that every query sees
 * @param offset the first of those blocks, below {@code stride}
 */
public record StridedPattern(int block, int local, int stride, int offset)
    implements StaticPattern {

  /**
   * @throws IllegalArgumentException if a number is out of range
   */
  public StridedPattern {
    Checks.atLeast("block", block, 1);
    Checks.atLeast("local", local, 0);
    Checks.atLeast("stride", stride, 1);
    Checks.atLeast("offset", offset, 0);
    if (offset >= stride) {
      throw new IllegalArgumentException(
          "offset must be below the stride (" + stride + "), got " + offset);
    }
  }

  @Override
  public String name() {
    return "strided";
  }

  @Override
  public BlockMask mask(TokenGrid grid) {
    int whole = wholeVideoBlocks(grid, block);
    return BlockMask.uniform(
        grid.tokens(),
        block,
        (query, key) ->
            Math.abs(query - key) <= local
                || key % stride == offset
                || query >= whole
                || key >= whole);
  }

  /** Blocks without text; all blocks where there is no text. */
  static int wholeVideoBlocks(TokenGrid grid, int block) {
    return grid.text() > 0 ? grid.videoTokens() / block : Math.ceilDiv(grid.tokens(), block);
  }
}
