// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * A sparse matrix of blocks: one row per block of queries, one column per block of keys. Row {@code
 * r} attends to the columns {@code index(r, 0) … index(r, count(r) − 1)}, in ascending order, each
 * of them in full or in part.
 *
 * <p>Immutable. Stored as CSR (compressed sparse row) arrays; a dense matrix stores nothing,
 * whatever its size. A row may be empty.
 */
public final class BlockRows {
  private static final int[] NONE = {};

  private static final byte FULL = 0;
  private static final byte BAND = 1;
  private static final byte HEAD = 2;
  private static final byte TAIL = 3;

  private final int rows;
  private final int columns;

  /** Row pointers and column indices; both empty if the matrix is {@link #dense}. */
  private final int[] indptr;

  private final int[] indices;

  /** Kind of each attended block, and the number that goes with it; both empty if all are full. */
  private final byte[] kinds;

  private final int[] amounts;

  private final boolean dense;

  private BlockRows(
      int rows, int columns, int[] indptr, int[] indices, byte[] kinds, int[] amounts) {
    boolean whole = true;
    for (byte kind : kinds) {
      whole &= kind == FULL;
    }
    this.rows = rows;
    this.columns = columns;
    dense = indptr.length == 0 || whole && indices.length == (long) rows * columns;
    this.indptr = dense ? NONE : indptr;
    this.indices = dense ? NONE : indices;
    this.kinds = whole ? new byte[0] : kinds;
    this.amounts = whole ? NONE : amounts;
  }

  /**
   * A matrix of full blocks from CSR arrays, which are copied.
   *
   * @param columns number of columns; every index is below it
   * @throws IllegalArgumentException if indptr does not rise from 0 to {@code indices.length}, or a
   *     row is not strictly ascending within {@code [0, columns)}
   */
  public static BlockRows of(int columns, int[] indptr, int[] indices) {
    return of(columns, indptr, indices, List.of());
  }

  /**
   * A matrix from CSR arrays, which are copied.
   *
   * @param parts how much of each block is attended to, one per index; empty if all are full
   * @throws IllegalArgumentException as {@link #of(int, int[], int[])}, or if there are not as many
   *     parts as indices
   */
  public static BlockRows of(int columns, int[] indptr, int[] indices, List<BlockPart> parts) {
    int[] starts = indptr.clone();
    int[] kept = indices.clone();
    check(columns, starts, kept);
    if (!parts.isEmpty() && parts.size() != kept.length) {
      throw new IllegalArgumentException(
          "there must be one part per index ("
              + kept.length
              + ") or none at all, got "
              + parts.size());
    }
    byte[] kinds = new byte[parts.size()];
    int[] amounts = new int[parts.size()];
    int next = 0;
    for (BlockPart part : parts) {
      kinds[next] =
          switch (part) {
            case BlockPart.Full() -> FULL;
            case BlockPart.Band(int limit) -> BAND;
            case BlockPart.Head(int keys) -> HEAD;
            case BlockPart.Tail(int keys) -> TAIL;
          };
      amounts[next++] =
          switch (part) {
            case BlockPart.Full() -> 0;
            case BlockPart.Band(int limit) -> limit;
            case BlockPart.Head(int keys) -> keys;
            case BlockPart.Tail(int keys) -> keys;
          };
    }
    return new BlockRows(starts.length - 1, columns, starts, kept, kinds, amounts);
  }

  /** A matrix in which every row attends to every column. It takes no memory that grows. */
  static BlockRows dense(int rows, int columns) {
    return new BlockRows(rows, columns, NONE, NONE, new byte[0], NONE);
  }

  private static void check(int columns, int[] indptr, int[] indices) {
    if (indptr.length < 2 || indptr[0] != 0 || indptr[indptr.length - 1] != indices.length) {
      throw new IllegalArgumentException(
          "indptr must start at 0 and end at the number of indices (" + indices.length + ")");
    }
    for (int row = 0; row + 1 < indptr.length; row++) {
      if (indptr[row + 1] < indptr[row]) {
        throw new IllegalArgumentException("indptr falls at row " + row);
      }
    }
    for (int row = 0; row + 1 < indptr.length; row++) {
      int previous = -1;
      for (int i = indptr[row]; i < indptr[row + 1]; i++) {
        if (indices[i] <= previous || indices[i] >= columns) {
          throw new IllegalArgumentException(
              "indices of row "
                  + row
                  + " must ascend within [0, "
                  + columns
                  + "), got "
                  + indices[i]);
        }
        previous = indices[i];
      }
    }
  }

  /** Number of rows: blocks of queries. */
  public int rows() {
    return rows;
  }

  /** Number of columns: blocks of keys. */
  public int columns() {
    return columns;
  }

  /** Number of columns that a row attends to. */
  public int count(int row) {
    Objects.checkIndex(row, rows);
    return dense ? columns : indptr[row + 1] - indptr[row];
  }

  /**
   * A column that a row attends to.
   *
   * @param position place in the row, from 0 to before {@link #count}
   */
  public int index(int row, int position) {
    Objects.checkIndex(position, count(row));
    return dense ? position : indices[indptr[row] + position];
  }

  /**
   * How much of an attended block is attended to.
   *
   * @param position place in the row, from 0 to before {@link #count}
   */
  public BlockPart part(int row, int position) {
    Objects.checkIndex(position, count(row));
    if (kinds.length == 0) {
      return BlockPart.FULL;
    }
    int at = indptr[row] + position;
    return switch (kinds[at]) {
      case BAND -> new BlockPart.Band(amounts[at]);
      case HEAD -> new BlockPart.Head(amounts[at]);
      case TAIL -> new BlockPart.Tail(amounts[at]);
      default -> BlockPart.FULL;
    };
  }

  /** Number of attended blocks, full or not. */
  public long attended() {
    return dense ? (long) rows * columns : indices.length;
  }

  /** Whether every row attends to every column in full. */
  public boolean isDense() {
    return dense;
  }

  /** Whether any block has a band. */
  public boolean hasBands() {
    for (byte kind : kinds) {
      if (kind == BAND) {
        return true;
      }
    }
    return false;
  }

  /** The same blocks, those with a band in full. */
  public BlockRows withoutBands() {
    if (!hasBands()) {
      return this;
    }
    byte[] others = kinds.clone();
    int[] numbers = amounts.clone();
    for (int i = 0; i < others.length; i++) {
      if (others[i] == BAND) {
        others[i] = FULL;
        numbers[i] = 0;
      }
    }
    return new BlockRows(rows, columns, indptr, indices, others, numbers);
  }

  /** Whether two rows attend to the same columns, and to the same parts of them. */
  public boolean sameRow(int row, int other) {
    if (dense) {
      return true;
    }
    int begin = indptr[row];
    int end = indptr[row + 1];
    int otherBegin = indptr[other];
    int otherEnd = indptr[other + 1];
    return Arrays.equals(indices, begin, end, indices, otherBegin, otherEnd)
        && (kinds.length == 0
            || Arrays.equals(kinds, begin, end, kinds, otherBegin, otherEnd)
                && Arrays.equals(amounts, begin, end, amounts, otherBegin, otherEnd));
  }

  /** A new array of the CSR row pointers: one more than there are rows. */
  public int[] indptr() {
    int[] starts = new int[rows + 1];
    for (int row = 0; row < rows; row++) {
      starts[row + 1] = Math.addExact(starts[row], count(row));
    }
    return starts;
  }

  /**
   * A new array of the CSR column indices, one per attended block.
   *
   * @throws ArithmeticException if there are more blocks than an array holds
   */
  public int[] indices() {
    if (!dense) {
      return indices.clone();
    }
    int[] all = new int[Math.toIntExact(attended())];
    Arrays.setAll(all, i -> i % columns);
    return all;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof BlockRows that
        && rows == that.rows
        && columns == that.columns
        && dense == that.dense
        && Arrays.equals(indptr, that.indptr)
        && Arrays.equals(indices, that.indices)
        && Arrays.equals(kinds, that.kinds)
        && Arrays.equals(amounts, that.amounts);
  }

  @Override
  public int hashCode() {
    return Objects.hash(
        rows,
        columns,
        Arrays.hashCode(indptr),
        Arrays.hashCode(indices),
        Arrays.hashCode(kinds),
        Arrays.hashCode(amounts));
  }

  @Override
  public String toString() {
    return "BlockRows[" + rows + "x" + columns + ", " + attended() + " attended]";
  }
}
