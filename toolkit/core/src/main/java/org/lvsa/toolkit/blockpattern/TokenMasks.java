// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.List;
import java.util.function.IntFunction;

/** From masks of single tokens to masks of blocks. */
final class TokenMasks {
  private TokenMasks() {}

  /**
   * Blocks with at least one visible pair.
   *
   * @param visible for each query the runs of keys that it sees, ends excluded
   */
  static BlockMask blocksWithAny(int tokens, int block, IntFunction<List<int[]>> visible) {
    long[][] counts = counts(tokens, block, visible);
    return BlockMask.uniform(tokens, block, (row, column) -> counts[row][column] > 0);
  }

  /** Blocks all of whose pairs are visible. */
  static BlockMask fullBlocks(int tokens, int block, IntFunction<List<int[]>> visible) {
    long[][] counts = counts(tokens, block, visible);
    int[] sizes = BlockMask.sizes(tokens, block);
    return BlockMask.of(
        sizes, sizes, (row, column) -> counts[row][column] == (long) sizes[row] * sizes[column]);
  }

  /** Visible pairs of each pair of blocks. */
  private static long[][] counts(int tokens, int block, IntFunction<List<int[]>> visible) {
    int blocks = Math.ceilDiv(tokens, block);
    BlockMask.checkSize(blocks, blocks);
    long[][] counts = new long[blocks][blocks];
    for (int query = 0; query < tokens; query++) {
      long[] row = counts[query / block];
      for (int[] run : visible.apply(query)) {
        for (int column = run[0] / block; (long) column * block < run[1]; column++) {
          long begin = Math.max(run[0], (long) column * block);
          row[column] += Math.min(run[1], (column + 1L) * block) - begin;
        }
      }
    }
    return counts;
  }
}
