// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.Arrays;

/**
 * A sequence cut into blocks of consecutive tokens, once for its queries and once for its keys, and
 * which blocks of keys each block of queries attends to. Blocks may have any sizes, also 0, and
 * need not be aligned with frames; text tokens are tokens like all others.
 *
 * <p>Immutable.
 */
public final class TokenBlocks {
  private final int[] queryStarts;
  private final int[] keyStarts;
  private final BlockRows rows;

  private TokenBlocks(int[] queryStarts, int[] keyStarts, BlockRows rows) {
    this.queryStarts = queryStarts;
    this.keyStarts = keyStarts;
    this.rows = rows;
  }

  /**
   * Blocks of the given sizes, one after another.
   *
   * @param querySizes tokens of each block of queries; their sum is the number of tokens
   * @param keySizes tokens of each block of keys; they have the same sum
   * @param rows one row per block of queries, one column per block of keys
   * @throws IllegalArgumentException if the sizes do not fit the rows or one another, or a part has
   *     more keys than its block
   */
  public static TokenBlocks of(int[] querySizes, int[] keySizes, BlockRows rows) {
    if (querySizes.length != rows.rows() || keySizes.length != rows.columns()) {
      throw new IllegalArgumentException(
          "there are "
              + querySizes.length
              + " and "
              + keySizes.length
              + " blocks of queries and keys, the matrix is "
              + rows.rows()
              + "x"
              + rows.columns());
    }
    int[] queryStarts = starts("query", querySizes);
    int[] keyStarts = starts("key", keySizes);
    if (queryStarts[querySizes.length] != keyStarts[keySizes.length]) {
      throw new IllegalArgumentException(
          "query blocks have "
              + queryStarts[querySizes.length]
              + " tokens together, key blocks "
              + keyStarts[keySizes.length]);
    }
    for (int row = 0; row < rows.rows() && !rows.isDense(); row++) {
      for (int i = 0; i < rows.count(row); i++) {
        int most = keySizes[rows.index(row, i)];
        int keys =
            switch (rows.part(row, i)) {
              case BlockPart.Head(int count) -> count;
              case BlockPart.Tail(int count) -> count;
              case BlockPart.Full() -> 0;
              case BlockPart.Band(int limit) -> 0;
            };
        if (keys > most) {
          throw new IllegalArgumentException(
              "row "
                  + row
                  + " asks for "
                  + keys
                  + " keys of key block "
                  + rows.index(row, i)
                  + ", which has "
                  + most);
        }
      }
    }
    return new TokenBlocks(queryStarts, keyStarts, rows);
  }

  /**
   * Blocks of {@code size} tokens for queries and for keys, the last one short where it must be.
   *
   * @throws IllegalArgumentException if the rows have another number of blocks
   */
  public static TokenBlocks uniform(int tokens, int size, BlockRows rows) {
    int[] sizes = uniformSizes(tokens, size);
    return of(sizes, sizes, rows);
  }

  /**
   * Sizes of consecutive blocks of {@code size} tokens, the last one short where it must be.
   *
   * @throws IllegalArgumentException if one of the numbers is below 1
   */
  public static int[] uniformSizes(int tokens, int size) {
    if (tokens < 1 || size < 1) {
      throw new IllegalArgumentException(
          "tokens and block size must be at least 1, got " + tokens + " and " + size);
    }
    int[] sizes = new int[Math.ceilDiv(tokens, size)];
    Arrays.fill(sizes, size);
    sizes[sizes.length - 1] = tokens - (sizes.length - 1) * size;
    return sizes;
  }

  private static int[] starts(String name, int[] sizes) {
    int[] starts = new int[sizes.length + 1];
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] < 0 || starts[i] > Integer.MAX_VALUE - sizes[i]) {
        throw new IllegalArgumentException(
            "sizes of "
                + name
                + " blocks must be at least 0 and 2^31-1 at most together, got "
                + sizes[i]
                + " for block "
                + i);
      }
      starts[i + 1] = starts[i] + sizes[i];
    }
    return starts;
  }

  /** Number of tokens of the sequence. */
  public int tokens() {
    return queryStarts[queryStarts.length - 1];
  }

  /** First query of a block; for the number of blocks, the number of tokens. */
  public int queryStart(int block) {
    return queryStarts[block];
  }

  /** First key of a block; for the number of blocks, the number of tokens. */
  public int keyStart(int block) {
    return keyStarts[block];
  }

  /** Number of queries of a block. */
  public int querySize(int block) {
    return queryStarts[block + 1] - queryStarts[block];
  }

  /** Number of keys of a block. */
  public int keySize(int block) {
    return keyStarts[block + 1] - keyStarts[block];
  }

  /** Which blocks of keys each block of queries attends to. */
  public BlockRows rows() {
    return rows;
  }

  /** The same blocks, those with a band in full. */
  TokenBlocks withoutBands() {
    return rows.hasBands() ? new TokenBlocks(queryStarts, keyStarts, rows.withoutBands()) : this;
  }

  /** Number of attended (query, key) pairs of tokens. */
  public long attendedPairs() {
    if (rows.isDense()) {
      return (long) tokens() * tokens();
    }
    long pairs = 0;
    for (int row = 0; row < rows.rows(); row++) {
      for (int i = 0; i < rows.count(row); i++) {
        int column = rows.index(row, i);
        pairs +=
            rows.part(row, i)
                .pairs(queryStarts[row], querySize(row), keyStarts[column], keySize(column));
      }
    }
    return pairs;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TokenBlocks that
        && Arrays.equals(queryStarts, that.queryStarts)
        && Arrays.equals(keyStarts, that.keyStarts)
        && rows.equals(that.rows);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * Arrays.hashCode(queryStarts) + Arrays.hashCode(keyStarts)) + rows.hashCode();
  }

  @Override
  public String toString() {
    return "TokenBlocks["
        + tokens()
        + " tokens, "
        + rows.rows()
        + "x"
        + rows.columns()
        + ", "
        + rows.attended()
        + " attended]";
  }
}
