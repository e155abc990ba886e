// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.Arrays;

/**
 * Which latent frames each query frame attends to, as a CSR matrix of whole frames: query frame
 * {@code r} attends to {@code indices[indptr[r]] … indices[indptr[r + 1] − 1]}, ascending.
 *
 * <p>Immutable. A query frame may attend to nothing, as a part of a split computation can: its
 * output is then zero and its log-sum-exp −∞.
 */
public final class BlockSparseLayout {
  private final int[] indptr;
  private final int[] indices;
  private final int keyFrames;

  private BlockSparseLayout(int keyFrames, int[] indptr, int[] indices) {
    this.keyFrames = keyFrames;
    this.indptr = indptr;
    this.indices = indices;
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
    return new BlockSparseLayout(keyFrames, starts, columns);
  }

  /** Every one of {@code frames} frames attends to every frame. */
  public static BlockSparseLayout dense(int frames) {
    int[] indptr = new int[frames + 1];
    int[] indices = new int[Math.multiplyExact(frames, frames)];
    for (int row = 0; row < frames; row++) {
      indptr[row + 1] = indptr[row] + frames;
      for (int column = 0; column < frames; column++) {
        indices[row * frames + column] = column;
      }
    }
    return new BlockSparseLayout(frames, indptr, indices);
  }

  /** Number of query frames (rows). */
  public int queryFrames() {
    return indptr.length - 1;
  }

  /** Number of key frames (columns). */
  public int keyFrames() {
    return keyFrames;
  }

  /** Position of a query frame's first entry in {@link #index}. */
  public int begin(int queryFrame) {
    return indptr[queryFrame];
  }

  /** Position after a query frame's last entry. */
  public int end(int queryFrame) {
    return indptr[queryFrame + 1];
  }

  /** The key frame at a position between {@link #begin} and {@link #end}. */
  public int index(int position) {
    return indices[position];
  }

  /** (query frame, key frame) pairs attended to. */
  public long attended() {
    return indices.length;
  }

  /** {@link #attended} over all pairs: 1 is dense. */
  public double density() {
    return (double) attended() / queryFrames() / keyFrames;
  }

  /** True if both query frames attend to the same key frames. */
  public boolean sameRow(int queryFrame, int other) {
    return Arrays.equals(
        indices, begin(queryFrame), end(queryFrame), indices, begin(other), end(other));
  }

  /** A copy of the CSR row pointers. */
  public int[] indptr() {
    return indptr.clone();
  }

  /** A copy of the CSR column indices. */
  public int[] indices() {
    return indices.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof BlockSparseLayout that
        && keyFrames == that.keyFrames
        && Arrays.equals(indptr, that.indptr)
        && Arrays.equals(indices, that.indices);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(indptr) + Arrays.hashCode(indices);
  }

  @Override
  public String toString() {
    return "BlockSparseLayout["
        + queryFrames()
        + "x"
        + keyFrames
        + ", "
        + attended()
        + " attended]";
  }
}
