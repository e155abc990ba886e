// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.MemorySegment;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A row-major float32 matrix in native memory, possibly a part of a wider one.
 *
 * @param memory from the first element on
 * @param rows number of rows
 * @param columns elements of a row
 * @param stride elements from the start of one row to the start of the next
 */
public record Matrix(MemorySegment memory, int rows, int columns, int stride) {
  /** Checks that the memory holds the matrix, since native code reads and writes it. */
  public Matrix {
    long elements = rows == 0 ? 0 : (rows - 1L) * stride + columns;
    if (!memory.isNative()
        || rows < 0
        || columns < 1
        || stride < columns
        || memory.byteSize() < elements * Float.BYTES) {
      throw new IllegalArgumentException(
          "a matrix of "
              + rows
              + " rows of "
              + columns
              + " with stride "
              + stride
              + " does not fit native memory of "
              + memory.byteSize()
              + " bytes");
    }
  }

  /** A tensor's elements as rows of that many columns, without a copy. */
  public static Matrix of(INDArray tensor, int columns) {
    if (tensor.length() % columns != 0) {
      throw new IllegalArgumentException(
          tensor.length() + " elements do not divide into rows of " + columns);
    }
    int rows = Math.toIntExact(tensor.length() / columns);
    return new Matrix(NdMemory.view(tensor), rows, columns, columns);
  }

  /** Rows that follow one another. */
  public Matrix rows(int first, int count) {
    return new Matrix(memory.asSlice((long) first * stride * Float.BYTES), count, columns, stride);
  }

  /** Columns that follow one another. */
  public Matrix columns(int first, int count) {
    return new Matrix(memory.asSlice((long) first * Float.BYTES), rows, count, stride);
  }
}
