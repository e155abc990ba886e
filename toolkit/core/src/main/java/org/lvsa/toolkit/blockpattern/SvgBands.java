// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.lvsa.kernels.BlockPart;
import org.lvsa.kernels.BlockRows;
import org.lvsa.kernels.TokenBlocks;

/**
 * The exact mask of {@link SvgPattern} as blocks of which those at the border of the band carry the
 * band's limit. Blocks end where the first frame, the video and the prompt end, so that a block is
 * never cut in two ways at once.
 */
final class SvgBands {
  private SvgBands() {}

  /** The blocks of a pattern's exact mask. */
  static TokenBlocks blocks(SvgPattern pattern, TokenGrid grid) {
    int[] bounds = bounds(pattern, grid);
    int blocks = bounds.length - 1;
    int[] sizes = IntStream.range(0, blocks).map(i -> bounds[i + 1] - bounds[i]).toArray();
    int limit = pattern.limit(grid);
    int[] indptr = new int[blocks + 1];
    List<Integer> indices = new ArrayList<>();
    List<BlockPart> parts = new ArrayList<>();
    for (int row = 0; row < blocks; row++) {
      List<int[]> first = pattern.visible(grid, bounds[row]);
      List<int[]> last = pattern.visible(grid, bounds[row + 1] - 1);
      for (int column = 0; column < blocks; column++) {
        int begin = bounds[column];
        int end = bounds[column + 1];
        // A run that every query of the row sees is no band: it holds the block for the first
        // query and for the last one, whose bands are the farthest apart.
        boolean whole = holds(first, begin, end) && holds(last, begin, end);
        BlockPart part = whole ? BlockPart.FULL : new BlockPart.Band(Math.max(limit, 0));
        boolean inBand = pattern.hasBand(grid, bounds[row], begin) && limit >= 0;
        long pairs =
            whole ? 1 : inBand ? part.pairs(bounds[row], sizes[row], begin, sizes[column]) : 0;
        if (pairs > 0) {
          indices.add(column);
          parts.add(part);
        }
      }
      indptr[row + 1] = indices.size();
    }
    int[] columns = indices.stream().mapToInt(Integer::intValue).toArray();
    return TokenBlocks.of(sizes, sizes, BlockRows.of(blocks, indptr, columns, parts));
  }

  private static boolean holds(List<int[]> runs, int begin, int end) {
    return runs.stream().anyMatch(run -> run[0] <= begin && end <= run[1]);
  }

  private static int[] bounds(SvgPattern pattern, TokenGrid grid) {
    TreeSet<Integer> bounds = new TreeSet<>(pattern.borders(grid));
    for (long at = 0; at < grid.tokens(); at += pattern.block()) {
      bounds.add((int) at);
    }
    bounds.add(grid.tokens());
    return bounds.stream().mapToInt(Integer::intValue).toArray();
  }
}
