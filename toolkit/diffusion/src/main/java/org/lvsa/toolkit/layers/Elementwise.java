// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Erf;
import org.nd4j.linalg.factory.Nd4j;

/** Activation functions and sums, in place, on row-major float32 tensors. */
public final class Elementwise {
  private Elementwise() {}

  /** {@code x / (1 + exp(−x))}. */
  public static void silu(INDArray x) {
    map(x, (index, row) -> Floats.silu(row));
  }

  /** The Gaussian error linear unit by its tanh approximation (Hendrycks and Gimpel, 2016). */
  public static void geluTanh(INDArray x) {
    map(x, (index, row) -> Floats.geluTanh(row));
  }

  /** The Gaussian error linear unit: {@code x/2 · (1 + erf(x / sqrt(2)))}. */
  public static void geluErf(INDArray x) {
    try (INDArray erf = x.mul(Math.sqrt(0.5))) {
      Nd4j.getExecutioner().exec(new Erf(erf, erf));
      x.muli(erf.addi(1)).muli(0.5);
    }
  }

  /** {@code x / (1 + exp(−1.702 x))}, a rough Gaussian error linear unit. */
  public static void quickGelu(INDArray x) {
    map(x, (index, row) -> Floats.quickGelu(row));
  }

  /** {@code x = x + y}. */
  public static void add(INDArray x, INDArray y) {
    Rows.merge(matrix(x), matrix(y), (index, row, other) -> Floats.add(row, other));
  }

  /** {@code x = y − x}. */
  public static void subtractFrom(INDArray y, INDArray x) {
    Rows.merge(matrix(x), matrix(y), (index, row, other) -> Floats.subtractFrom(other, row));
  }

  /** {@code x = (x − y) / divisor}. */
  public static void subtractAndDivide(INDArray x, INDArray y, float divisor) {
    Rows.merge(
        matrix(x), matrix(y), (index, row, other) -> Floats.subtractAndDivide(row, other, divisor));
  }

  /** {@code x = x + factor · y}. */
  public static void addScaled(INDArray x, float factor, INDArray y) {
    Rows.merge(matrix(x), matrix(y), (index, row, other) -> Floats.addScaled(row, factor, other));
  }

  /** {@code x = x · y}. */
  public static void multiply(INDArray x, INDArray y) {
    Rows.merge(matrix(x), matrix(y), (index, row, other) -> Floats.multiply(row, other));
  }

  /**
   * {@code x = x + gate · y}, with a gate for each feature that differs from one part of the rows
   * to the next.
   *
   * @param gates one array per part; the rows divide evenly among the parts
   */
  public static void addGated(INDArray x, float[][] gates, INDArray y) {
    addGated(matrix(x), gates, matrix(y));
  }

  /** As {@link #addGated(INDArray, float[][], INDArray)}, on the rows of matrices. */
  public static void addGated(Matrix x, float[][] gates, Matrix y) {
    int rowsPerPart = Norms.rowsPerPart(x, gates.length);
    Rows.merge(
        x, y, (index, row, other) -> Floats.addProduct(row, gates[index / rowsPerPart], other));
  }

  private static void map(INDArray x, Rows.Change change) {
    Matrix rows = matrix(x);
    Rows.map(rows, rows, change);
  }

  private static Matrix matrix(INDArray x) {
    return Matrix.of(x, Math.toIntExact(x.size(-1)));
  }
}
