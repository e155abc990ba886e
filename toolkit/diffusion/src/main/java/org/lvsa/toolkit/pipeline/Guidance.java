// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.Arrays;
import org.lvsa.toolkit.layers.Matrix;
import org.lvsa.toolkit.layers.Rows;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Classifier-free guidance (Ho and Salimans 2022): a prediction with the prompt is pushed away from
 * one with the negative prompt.
 */
public final class Guidance {
  private Guidance() {}

  /** Whether a scale needs the prediction with the negative prompt at all. */
  public static boolean isOn(double scale) {
    return scale > 1;
  }

  /**
   * {@code unconditional + scale · (conditional − unconditional)}, in float32.
   *
   * @return a new tensor
   */
  public static INDArray combine(INDArray conditional, INDArray unconditional, double scale) {
    float factor = (float) scale;
    return merged(
        conditional,
        unconditional,
        (index, row, other) -> {
          for (int i = 0; i < row.length; i++) {
            row[i] = other[i] + factor * (row[i] - other[i]);
          }
        });
  }

  /**
   * {@code conditional + scale · (conditional − unconditional)}, in float32: the formula as it was
   * first published.
   *
   * @return a new tensor
   */
  static INDArray beyond(INDArray conditional, INDArray unconditional, double scale) {
    float factor = (float) scale;
    return merged(
        conditional,
        unconditional,
        (index, row, other) -> {
          for (int i = 0; i < row.length; i++) {
            row[i] += factor * (row[i] - other[i]);
          }
        });
  }

  private static INDArray merged(INDArray conditional, INDArray unconditional, Rows.Merge merge) {
    INDArray guided = conditional.dup('c');
    int width = Math.toIntExact(guided.size(-1));
    Rows.merge(Matrix.of(guided, width), Matrix.of(unconditional, width), merge);
    return guided;
  }

  /**
   * Brings a guided prediction nearer to the standard deviation that the prediction with the prompt
   * has: {@code share · guided · deviation(conditional) / deviation(guided) + (1 − share) ·
   * guided}. Where all values are the same it stays as it is.
   *
   * @param guided of one video, changed in place
   */
  static void rescale(INDArray guided, INDArray conditional, double share) {
    double deviation = deviation(guided);
    if (deviation > 0) {
      float factor = (float) (share * deviation(conditional) / deviation + 1 - share);
      guided.muli(factor);
    }
  }

  private static double deviation(INDArray values) {
    float[] all = NdMemory.floats(values);
    double mean = 0;
    for (float value : all) {
      mean += value / (double) all.length;
    }
    double squares = 0;
    for (float value : all) {
      squares += (value - mean) * (value - mean);
    }
    return Math.sqrt(squares / all.length);
  }

  /**
   * Gives each vector of the last axis the length that it has in the prediction with the prompt:
   * {@code guided · |conditional| / |guided|}. A vector of zeros stays as it is.
   *
   * @param guided changed in place
   */
  public static void normalise(INDArray guided, INDArray conditional) {
    int width = Math.toIntExact(guided.size(-1));
    Rows.merge(
        Matrix.of(guided, width),
        Matrix.of(conditional, width),
        (index, row, wanted) -> {
          double squares = squares(row);
          if (squares > 0) {
            float factor = (float) Math.sqrt(squares(wanted) / squares);
            for (int i = 0; i < row.length; i++) {
              row[i] *= factor;
            }
          }
        });
  }

  private static double squares(float[] row) {
    double sum = 0;
    for (float value : row) {
      sum += (double) value * value;
    }
    return sum;
  }

  /** Two batches of the same shape as one, the first one's elements first. */
  public static INDArray join(INDArray first, INDArray second) {
    return Nd4j.concat(0, first, second);
  }

  /**
   * A part of a batch.
   *
   * @param first the first element
   * @param count number of elements
   * @return a copy
   */
  public static INDArray elements(INDArray batch, long first, long count) {
    INDArrayIndex[] indices = new INDArrayIndex[batch.rank()];
    Arrays.fill(indices, NDArrayIndex.all());
    indices[0] = NDArrayIndex.interval(first, first + count);
    return batch.get(indices).castTo(DataType.FLOAT).dup('c');
  }
}
