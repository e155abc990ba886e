// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.BitSet;

/**
 * Blocks drawn at random, the same number for every row: what any pattern has to beat. Blocks with
 * text see and are seen by everything.
 *
 * <p>Row {@code i} draws without repetition by a partial Fisher-Yates shuffle whose random numbers
 * are SplitMix64's, seeded with {@code mix(seed + (i + 1) · 0x9E3779B97F4A7C15)}.
 *
 * @param block tokens per block
 * @param count blocks per row
 * @param seed of the draws
 * @param diagonal whether each block of queries sees its own keys, as one of {@code count}
 */
public record RandomPattern(int block, int count, long seed, boolean diagonal)
    implements StaticPattern {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  /**
   * @throws IllegalArgumentException if a number is out of range
   */
  public RandomPattern {
    Checks.atLeast("block", block, 1);
    Checks.atLeast("count", count, 1);
  }

  @Override
  public String name() {
    return "random";
  }

  @Override
  public BlockMask mask(TokenGrid grid) {
    int whole = StridedPattern.wholeVideoBlocks(grid, block);
    int blocks = Math.ceilDiv(grid.tokens(), block);
    BlockMask.checkSize(blocks, blocks);
    BitSet[] rows = new BitSet[blocks];
    for (int row = 0; row < rows.length; row++) {
      rows[row] = new BitSet(rows.length);
      if (row < whole) {
        draw(row, whole, rows[row]);
        rows[row].set(whole, rows.length);
      } else {
        rows[row].set(0, rows.length);
      }
    }
    return BlockMask.uniform(grid.tokens(), block, (row, column) -> rows[row].get(column));
  }

  private void draw(int row, int blocks, BitSet into) {
    int[] pool = new int[diagonal ? blocks - 1 : blocks];
    for (int i = 0, next = 0; i < blocks; i++) {
      if (!diagonal || i != row) {
        pool[next++] = i;
      }
    }
    long state = mix(seed + GOLDEN_GAMMA * (row + 1L));
    int draws = Math.min(diagonal ? count - 1 : count, pool.length);
    for (int t = 0; t < draws; t++) {
      state += GOLDEN_GAMMA;
      int u = t + (int) Long.remainderUnsigned(mix(state), pool.length - t);
      int taken = pool[u];
      pool[u] = pool[t];
      pool[t] = taken;
      into.set(taken);
    }
    if (diagonal) {
      into.set(row);
    }
  }

  /** SplitMix64's finaliser (Steele, Lea and Flood, 2014). */
  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
