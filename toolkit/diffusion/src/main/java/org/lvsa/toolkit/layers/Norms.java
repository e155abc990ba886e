// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Normalisations of each vector of the last axis. Statistics are taken in float32. */
public final class Norms {
  private Norms() {}

  /**
   * Layer normalisation: less the mean, over the standard deviation {@code sqrt(variance + eps)}.
   *
   * @return a new tensor of x's shape
   */
  public static INDArray layerNorm(INDArray x, double eps) {
    INDArray y = like(x);
    Rows.map(matrix(x), matrix(y), (index, row) -> normalise(row, eps));
    return y;
  }

  /**
   * Layer normalisation, then a weight and a bias for each feature.
   *
   * @return a new tensor of x's shape
   */
  public static INDArray layerNorm(INDArray x, float[] weight, float[] bias, double eps) {
    return layerNorm(x, new float[][] {weight}, new float[][] {bias}, eps);
  }

  /**
   * Layer normalisation, then a weight and a bias for each feature that differ from one part of the
   * rows to the next: with as many weights as the batch has elements, each has its own.
   *
   * @param weights one array per part; the rows divide evenly among the parts
   * @param biases as weights
   * @return a new tensor of x's shape
   */
  public static INDArray layerNorm(INDArray x, float[][] weights, float[][] biases, double eps) {
    INDArray y = like(x);
    Matrix from = matrix(x);
    int rowsPerPart = rowsPerPart(from, weights.length);
    Rows.map(
        from,
        matrix(y),
        (index, row) -> {
          normalise(row, eps);
          Floats.scaleAndShift(row, weights[index / rowsPerPart], biases[index / rowsPerPart]);
        });
    return y;
  }

  private static void normalise(float[] row, double eps) {
    float mean = Floats.sum(row) / row.length;
    float variance = Floats.squares(row, mean) / row.length;
    Floats.normalise(row, mean, (float) (1 / Math.sqrt(variance + eps)));
  }

  /**
   * Root mean square normalisation: over {@code sqrt(mean of squares + eps)}, times a weight for
   * each feature.
   *
   * @return a new tensor of x's shape
   */
  public static INDArray rmsNorm(INDArray x, float[] weight, double eps) {
    INDArray y = like(x);
    Rows.map(matrix(x), matrix(y), (index, row) -> rms(row, weight, eps));
    return y;
  }

  /** As {@link #rmsNorm}, in place. */
  public static void rmsNormInPlace(INDArray x, float[] weight, double eps) {
    Matrix rows = Matrix.of(x, weight.length);
    Rows.map(rows, rows, (index, row) -> rms(row, weight, eps));
  }

  private static void rms(float[] row, float[] weight, double eps) {
    float mean = Floats.squares(row, 0) / row.length;
    Floats.multiply(row, (float) (1 / Math.sqrt(mean + eps)));
    Floats.multiply(row, weight);
  }

  static int rowsPerPart(Matrix rows, int parts) {
    if (parts == 0 || rows.rows() % parts != 0) {
      throw new IllegalArgumentException(
          rows.rows() + " rows do not divide among " + parts + " parts");
    }
    return Math.max(1, rows.rows() / parts);
  }

  private static Matrix matrix(INDArray x) {
    return Matrix.of(x, Math.toIntExact(x.size(-1)));
  }

  private static INDArray like(INDArray x) {
    return Nd4j.createUninitialized(DataType.FLOAT, x.shape());
  }
}
