// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

/**
 * Sparse VideoGen's band over whole blocks, as its FlashInfer form for Wan has it: blocks whose
 * centres are less than {@code width} frames apart, and the first frame for every query. Blocks are
 * as large as the largest divisor of a frame's tokens below 256. Text is not supported.
 *
 * @param width half the band's width in frames
 */
public record SvgBlockPattern(double width) implements StaticPattern {
  private static final int LARGEST_BLOCK = 255;

  /**
   * @throws IllegalArgumentException if width is not above 0
   */
  public SvgBlockPattern {
    Checks.positive("width", width);
  }

  @Override
  public String name() {
    return "svg_bsr";
  }

  /** Tokens per block. */
  public static int block(TokenGrid grid) {
    int block = Math.min(LARGEST_BLOCK, grid.frameTokens());
    while (grid.frameTokens() % block != 0) {
      block--;
    }
    return block;
  }

  @Override
  public BlockMask mask(TokenGrid grid) {
    if (grid.text() > 0) {
      throw new IllegalArgumentException(
          "svg_bsr takes no text tokens, got " + grid.text() + " (use svg)");
    }
    int block = block(grid);
    return BlockMask.uniform(
        grid.tokens(),
        block,
        (query, key) -> {
          long queryCentre = (long) query * block + block / 2;
          long keyCentre = (long) key * block + block / 2;
          return Math.abs(queryCentre - keyCentre) < width * grid.frameTokens()
              || keyCentre <= grid.frameTokens();
        });
  }
}
