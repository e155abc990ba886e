// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import java.util.stream.IntStream;

/** Visits the rows of matrices on all processors. */
public final class Rows {
  /** Elements that one task takes, enough for the start of a task not to matter. */
  private static final int ELEMENTS = 1 << 15;

  private Rows() {}

  /** Changes one row, whose elements lie in {@code row}. */
  @FunctionalInterface
  public interface Change {
    /**
     * Changes a row in place.
     *
     * @param index which row of the matrix
     * @param row the elements of the row
     */
    void row(int index, float[] row);
  }

  /** Changes one row with the help of another of the same place. */
  @FunctionalInterface
  public interface Merge {
    /**
     * Changes a row in place.
     *
     * @param index which row of the matrix
     * @param row the elements that are changed
     * @param other the elements of the other matrix's row
     */
    void row(int index, float[] row, float[] other);
  }

  /** Writes each changed row of {@code from} to {@code to}, which may be the same matrix. */
  public static void map(Matrix from, Matrix to, Change change) {
    same(from, to);
    inParallel(
        from,
        (first, end) -> {
          float[] row = new float[from.columns()];
          for (int i = first; i < end; i++) {
            read(from, i, row);
            change.row(i, row);
            write(to, i, row);
          }
        });
  }

  /** Changes each row of {@code matrix} with the help of the same row of {@code other}. */
  public static void merge(Matrix matrix, Matrix other, Merge merge) {
    same(matrix, other);
    inParallel(
        matrix,
        (first, end) -> {
          float[] row = new float[matrix.columns()];
          float[] others = new float[matrix.columns()];
          for (int i = first; i < end; i++) {
            read(matrix, i, row);
            read(other, i, others);
            merge.row(i, row, others);
            write(matrix, i, row);
          }
        });
  }

  /** Writes the same elements to each row. */
  public static void fill(Matrix matrix, float[] row) {
    inParallel(
        matrix,
        (first, end) -> {
          for (int i = first; i < end; i++) {
            write(matrix, i, row);
          }
        });
  }

  private static void same(Matrix a, Matrix b) {
    if (a.rows() != b.rows() || a.columns() != b.columns()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "matrices differ in size: %dx%d and %dx%d",
              a.rows(),
              a.columns(),
              b.rows(),
              b.columns()));
    }
  }

  private interface Range {
    void rows(int first, int end);
  }

  private static void inParallel(Matrix matrix, Range range) {
    int rows = matrix.rows();
    int step = Math.max(1, ELEMENTS / matrix.columns());
    IntStream.range(0, Math.ceilDiv(rows, step))
        .parallel()
        .forEach(task -> range.rows(task * step, Math.min(rows, (task + 1) * step)));
  }

  static void read(Matrix matrix, int index, float[] row) {
    MemorySegment.copy(
        matrix.memory(),
        ValueLayout.JAVA_FLOAT,
        (long) index * matrix.stride() * Float.BYTES,
        row,
        0,
        matrix.columns());
  }

  static void write(Matrix matrix, int index, float[] row) {
    MemorySegment.copy(
        row,
        0,
        matrix.memory(),
        ValueLayout.JAVA_FLOAT,
        (long) index * matrix.stride() * Float.BYTES,
        matrix.columns());
  }
}
