// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import org.lvsa.kernels.TokenOrder;

/**
 * Sliding Tile Attention (Zhang et al., arXiv 2502.04507): the video is cut into tiles, and each
 * tile attends to a box of whole tiles around it, moved inward at the borders so that its size
 * stays the same.
 *
 * <p>The published kernels take only videos that the tile divides. Here the tiles at the far border
 * may be short; the rule is the same.
 *
 * @param tile tokens of a tile; 6 x 8 x 8 as published
 * @param window tiles that a tile sees along time, height and width; an even number counts as the
 *     next odd one, as published
 * @param maxText room for text tokens; those beyond the video's own text are padding, which is
 *     never seen
 */
public record SlidingTilePattern(Tile tile, Tile window, int maxText) implements StaticPattern {

  /**
   * @throws IllegalArgumentException if maxText is below 0
   */
  public SlidingTilePattern {
    Checks.atLeast("maxText", maxText, 0);
  }

  @Override
  public String name() {
    return "sta";
  }

  @Override
  public TokenOrder order(TokenGrid grid) {
    return tile.order(grid);
  }

  @Override
  public BlockMask mask(TokenGrid grid) {
    Tile counts = tile.counts(grid);
    int tiles = counts.volume();
    BlockMask.checkSize(tiles, tiles);
    int[] sizes = sizes(grid, tiles);
    return BlockMask.of(
        sizes,
        sizes,
        (query, key) -> {
          if (key >= tiles) {
            return sizes[key] > 0;
          }
          return query >= tiles
              || near(
                      query / (counts.height() * counts.width()),
                      key / (counts.height() * counts.width()),
                      window.frames(),
                      counts.frames())
                  && near(
                      query / counts.width() % counts.height(),
                      key / counts.width() % counts.height(),
                      window.height(),
                      counts.height())
                  && near(
                      query % counts.width(), key % counts.width(), window.width(), counts.width());
        });
  }

  /** Tokens of each tile, then of blocks of text that are as large; padding counts no tokens. */
  private int[] sizes(TokenGrid grid, int tiles) {
    int volume = tile.volume();
    int[] video = tile.sizes(grid.withoutText());
    int blocks = Math.ceilDiv(Math.max(maxText, grid.text()), volume);
    BlockMask.checkSize((long) tiles + blocks, (long) tiles + blocks);
    int[] sizes = java.util.Arrays.copyOf(video, tiles + blocks);
    for (int i = 0; i < blocks; i++) {
      sizes[tiles + i] = Math.clamp((long) grid.text() - (long) i * volume, 0, volume);
    }
    return sizes;
  }

  private static boolean near(int query, int key, int window, int tiles) {
    int reach = window / 2;
    int centre = Math.min(Math.max(query, reach), tiles - 1 - reach);
    return Math.abs(centre - key) <= reach;
  }
}
