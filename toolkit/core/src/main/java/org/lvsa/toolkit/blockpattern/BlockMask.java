// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;

/**
 * Which blocks of keys each block of queries attends to, as a CSR matrix. Blocks are consecutive
 * tokens; their sizes may differ.
 *
 * @param querySizes tokens of each block of queries
 * @param keySizes tokens of each block of keys
 * @param indptr {@code querySizes.length + 1} row starts, rising from 0 to {@code indices.length}
 * @param indices blocks of keys of each row, ascending within a row
 */
public record BlockMask(int[] querySizes, int[] keySizes, int[] indptr, int[] indices) {
  private static final long LARGEST = 1 << 28;

  /**
   * @throws IllegalArgumentException if indptr does not rise from 0 to the number of indices, or a
   *     row is not strictly ascending within the blocks of keys
   */
  public BlockMask {
    if (indptr.length != querySizes.length + 1
        || indptr[0] != 0
        || indptr[querySizes.length] != indices.length) {
      throw new IllegalArgumentException(
          "indptr must have "
              + (querySizes.length + 1)
              + " entries from 0 to the number of indices ("
              + indices.length
              + ")");
    }
    for (int row = 0; row < querySizes.length; row++) {
      if (indptr[row + 1] < indptr[row]) {
        throw new IllegalArgumentException("indptr falls at query block " + row);
      }
    }
    for (int row = 0; row < querySizes.length; row++) {
      int previous = -1;
      for (int i = indptr[row]; i < indptr[row + 1]; i++) {
        if (indices[i] <= previous || indices[i] >= keySizes.length) {
          throw new IllegalArgumentException(
              "indices of query block "
                  + row
                  + " must ascend within [0, "
                  + keySizes.length
                  + "), got "
                  + indices[i]);
        }
        previous = indices[i];
      }
    }
  }

  /** Whether a block of queries attends to a block of keys. */
  @FunctionalInterface
  public interface Test {
    /** True if query block {@code row} attends to key block {@code column}. */
    boolean attends(int row, int column);
  }

  /**
   * Refuses masks that would take minutes and gigabytes.
   *
   * @throws IllegalArgumentException if there are more than 2²⁸ pairs of blocks
   */
  static void checkSize(long rows, long columns) {
    if (rows > LARGEST / Math.max(1, columns)) {
      throw new IllegalArgumentException(
          "a mask has at most 2^28 pairs of blocks, got " + rows + "x" + columns);
    }
  }

  /**
   * A mask from a test of each pair of blocks.
   *
   * @throws IllegalArgumentException if there are more than 2²⁸ pairs of blocks
   */
  public static BlockMask of(int[] querySizes, int[] keySizes, Test test) {
    checkSize(querySizes.length, keySizes.length);
    int[] indptr = new int[querySizes.length + 1];
    int[] indices = new int[16];
    int count = 0;
    for (int row = 0; row < querySizes.length; row++) {
      for (int column = 0; column < keySizes.length; column++) {
        if (test.attends(row, column)) {
          if (count == indices.length) {
            indices = Arrays.copyOf(indices, Math.multiplyExact(count, 2));
          }
          indices[count++] = column;
        }
      }
      indptr[row + 1] = count;
    }
    return new BlockMask(querySizes, keySizes, indptr, Arrays.copyOf(indices, count));
  }

  /**
   * A square mask over blocks of {@code size} tokens, the last one short where it must be.
   *
   * @throws IllegalArgumentException if there are more than 2²⁸ pairs of blocks
   */
  public static BlockMask uniform(int tokens, int size, Test test) {
    int[] sizes = sizes(tokens, size);
    return of(sizes, sizes, test);
  }

  /** Sizes of consecutive blocks of {@code size} tokens, the last one short where it must be. */
  public static int[] sizes(int tokens, int size) {
    int[] sizes = new int[Math.ceilDiv(tokens, size)];
    Arrays.fill(sizes, size);
    if (tokens % size != 0) {
      sizes[sizes.length - 1] = tokens % size;
    }
    return sizes;
  }

  /** Blocks of queries. */
  public int rows() {
    return querySizes.length;
  }

  /** Blocks of keys. */
  public int columns() {
    return keySizes.length;
  }

  /** Whether query block {@code row} attends to key block {@code column}. */
  public boolean attends(int row, int column) {
    return Arrays.binarySearch(indices, indptr[row], indptr[row + 1], column) >= 0;
  }

  /** Attended pairs of blocks over all pairs of blocks. */
  public double densityOfBlocks() {
    return indices.length / ((double) rows() * columns());
  }

  /**
   * Attended pairs of tokens over all pairs of tokens: the share of the dense work that is left.
   * Patterns are compared at equal density of tokens.
   */
  public double densityOfTokens() {
    long attended = 0;
    for (int row = 0; row < rows(); row++) {
      long keys = 0;
      for (int i = indptr[row]; i < indptr[row + 1]; i++) {
        keys += keySizes[indices[i]];
      }
      attended += keys * querySizes[row];
    }
    return attended / ((double) sum(querySizes) * sum(keySizes));
  }

  /** Query blocks that attend to nothing; their output is 0. */
  public int emptyRows() {
    int empty = 0;
    for (int row = 0; row < rows(); row++) {
      empty += indptr[row] == indptr[row + 1] ? 1 : 0;
    }
    return empty;
  }

  private static long sum(int[] sizes) {
    return Arrays.stream(sizes).asLongStream().sum();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof BlockMask that
        && Arrays.equals(querySizes, that.querySizes)
        && Arrays.equals(keySizes, that.keySizes)
        && Arrays.equals(indptr, that.indptr)
        && Arrays.equals(indices, that.indices);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(indptr) + Arrays.hashCode(indices);
  }

  @Override
  public String toString() {
    return "BlockMask[" + rows() + "x" + columns() + " blocks, " + indices.length + " attended]";
  }
}
