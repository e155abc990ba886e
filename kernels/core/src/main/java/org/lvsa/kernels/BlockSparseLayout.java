// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.Arrays;
import java.util.Objects;

/**
 * Which latent frames each query frame attends to, as a sparse matrix of whole frames: one row per
 * query frame, one column per key frame. Query frame {@code r} attends to the key frames {@code
 * index(r, 0) … index(r, count(r) − 1)}, in ascending order.
 *
 * <p>Immutable. A query frame may attend to nothing, as a part of a split computation can: its
 * output is then zero and its log-sum-exp −∞.
 *
 * <p>Stored as CSR (compressed sparse row) arrays; a dense layout stores nothing, whatever its
 * size.
 */
public final class BlockSparseLayout {
  private final int queryFrames;
  private final int keyFrames;

  /** Row pointers and column indices; both empty if the layout is {@link #full}. */
  private final int[] indptr;

  private final int[] indices;

  /** Whether every query frame attends to every key frame. */
  private final boolean full;

  private BlockSparseLayout(int queryFrames, int keyFrames, int[] indptr, int[] indices) {
    this.queryFrames = queryFrames;
    this.keyFrames = keyFrames;
    full = indices.length == (long) queryFrames * keyFrames || indptr.length == 0;
    this.indptr = full ? new int[0] : indptr;
    this.indices = full ? new int[0] : indices;
  }

  /**
   * A layout from CSR arrays, which are copied.
   *
   * @param keyFrames number of key frames; every index is below it
   * @throws IllegalArgumentException if indptr does not rise from 0 to {@code indices.length}, or a
   *     row is not strictly ascending within {@code [0, keyFrames)}
   */
  public static BlockSparseLayout of(int keyFrames, int[] indptr, int[] indices) {
    int[] starts = indptr.clone();
    int[] columns = indices.clone();
    if (starts.length < 2 || starts[0] != 0 || starts[starts.length - 1] != columns.length) {
      throw new IllegalArgumentException(
          "indptr must start at 0 and end at the number of indices (" + columns.length + ")");
    }
    for (int row = 0; row + 1 < starts.length; row++) {
      if (starts[row + 1] < starts[row]) {
        throw new IllegalArgumentException("indptr falls at query frame " + row);
      }
    }
    for (int row = 0; row + 1 < starts.length; row++) {
      int previous = -1;
      for (int i = starts[row]; i < starts[row + 1]; i++) {
        if (columns[i] <= previous || columns[i] >= keyFrames) {
          throw new IllegalArgumentException(
              "indices of query frame "
                  + row
                  + " must ascend within [0, "
                  + keyFrames
                  + "), got "
                  + columns[i]);
        }
        previous = columns[i];
      }
    }
    return new BlockSparseLayout(starts.length - 1, keyFrames, starts, columns);
  }

  /**
   * A layout in which every one of {@code frames} frames attends to every frame. It takes no memory
   * that grows with the frames.
   *
   * @throws IllegalArgumentException if {@code frames} is below 1
   */
  public static BlockSparseLayout dense(int frames) {
    if (frames < 1) {
      throw new IllegalArgumentException("frames must be at least 1, got " + frames);
    }
    return new BlockSparseLayout(frames, frames, new int[0], new int[0]);
  }

  /** Number of query frames (rows). */
  public int queryFrames() {
    return queryFrames;
  }

  /** Number of key frames (columns). */
  public int keyFrames() {
    return keyFrames;
  }

  /** Number of key frames that a query frame attends to. */
  public int count(int queryFrame) {
    Objects.checkIndex(queryFrame, queryFrames);
    return full ? keyFrames : indptr[queryFrame + 1] - indptr[queryFrame];
  }

  /**
   * A key frame that a query frame attends to.
   *
   * @param position place in the row, from 0 to before {@link #count}
   */
  public int index(int queryFrame, int position) {
    Objects.checkIndex(position, count(queryFrame));
    return full ? position : indices[indptr[queryFrame] + position];
  }

  /** Number of (query frame, key frame) pairs attended to. */
  public long attended() {
    return full ? (long) queryFrames * keyFrames : indices.length;
  }

  /** Share of all (query frame, key frame) pairs that is attended to: 1 is dense. */
  public double density() {
    return (double) attended() / queryFrames / keyFrames;
  }

  /** Whether every query frame attends to every key frame. */
  public boolean isDense() {
    return full;
  }

  /** Whether two query frames attend to the same key frames. */
  public boolean sameRow(int queryFrame, int other) {
    return full
        || Arrays.equals(
            indices,
            indptr[queryFrame],
            indptr[queryFrame + 1],
            indices,
            indptr[other],
            indptr[other + 1]);
  }

  /** A new array of the CSR row pointers: one more than there are query frames. */
  public int[] indptr() {
    int[] starts = new int[queryFrames + 1];
    for (int row = 0; row < queryFrames; row++) {
      starts[row + 1] = Math.addExact(starts[row], count(row));
    }
    return starts;
  }

  /**
   * A new array of the CSR column indices, one per attended pair.
   *
   * @throws ArithmeticException if there are more pairs than an array holds
   */
  public int[] indices() {
    if (!full) {
      return indices.clone();
    }
    int[] columns = new int[Math.toIntExact(attended())];
    Arrays.setAll(columns, i -> i % keyFrames);
    return columns;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof BlockSparseLayout that
        && queryFrames == that.queryFrames
        && keyFrames == that.keyFrames
        && full == that.full
        && Arrays.equals(indptr, that.indptr)
        && Arrays.equals(indices, that.indices);
  }

  @Override
  public int hashCode() {
    return Objects.hash(
        queryFrames, keyFrames, full, Arrays.hashCode(indptr), Arrays.hashCode(indices));
  }

  @Override
  public String toString() {
    return "BlockSparseLayout[" + queryFrames + "x" + keyFrames + ", " + attended() + " attended]";
  }
}
