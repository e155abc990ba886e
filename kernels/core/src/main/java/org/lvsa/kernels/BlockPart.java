// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

/**
 * How much of an attended block of a {@link BlockSparseLayout} is attended to. Token positions
 * count from the start of the sequence, in the order in which query, key and value lie in memory.
 */
public sealed interface BlockPart {
  /** Every query of the block attends to every key of the block. */
  BlockPart FULL = new Full();

  /** Every query of the block attends to every key of the block. */
  record Full() implements BlockPart {}

  /**
   * The query at position q attends to the key at position k if {@code |q − k| ≤ limit}.
   *
   * @param limit at least 0
   */
  record Band(int limit) implements BlockPart {
    /**
     * @throws IllegalArgumentException if limit is below 0
     */
    public Band {
      atLeastZero("limit", limit);
    }
  }

  /**
   * Every query of the block attends to the first keys of the block.
   *
   * @param keys number of those keys, at least 0
   */
  record Head(int keys) implements BlockPart {
    /**
     * @throws IllegalArgumentException if keys is below 0
     */
    public Head {
      atLeastZero("keys", keys);
    }
  }

  /**
   * Every query of the block attends to the last keys of the block.
   *
   * @param keys number of those keys, at least 0
   */
  record Tail(int keys) implements BlockPart {
    /**
     * @throws IllegalArgumentException if keys is below 0
     */
    public Tail {
      atLeastZero("keys", keys);
    }
  }

  /**
   * Number of (query, key) pairs that are attended to, in a block of {@code queries} queries from
   * position {@code firstQuery} on and {@code keys} keys from position {@code firstKey} on.
   */
  default long pairs(int firstQuery, int queries, int firstKey, int keys) {
    return switch (this) {
      case Full() -> (long) queries * keys;
      case Head(int count) -> (long) queries * Math.min(count, keys);
      case Tail(int count) -> (long) queries * Math.min(count, keys);
      case Band(int limit) -> {
        // Pairs with k − q ≤ limit, without those with k − q ≤ −limit − 1.
        long from = (long) firstQuery - firstKey;
        yield upTo(from + limit + 1, queries, keys) - upTo(from - limit, queries, keys);
      }
    };
  }

  /** The sum of {@code min(max(from + i, 0), most)} for i from 0 to before {@code count}. */
  private static long upTo(long from, int count, int most) {
    return below(from + count, most) - below(from, most);
  }

  /** The sum of {@code min(i, most)} for i from 0 to before {@code end}; 0 if end is below 1. */
  private static long below(long end, long most) {
    if (end <= 0) {
      return 0;
    }
    long rising = Math.min(end, most + 1);
    return rising * (rising - 1) / 2 + (end - rising) * most;
  }

  private static void atLeastZero(String name, int value) {
    if (value < 0) {
      throw new IllegalArgumentException(name + " must be at least 0, got " + value);
    }
  }
}
