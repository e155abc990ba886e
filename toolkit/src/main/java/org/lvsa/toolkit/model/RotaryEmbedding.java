// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

import java.util.List;

/**
 * The 3D rotary position embedding (RoPE) of video transformers: headDim is split over time, height
 * and width; along each axis, pair {@code i} of {@code dim / 2} turns by {@code position ·
 * theta^(−2i/dim)}. Pairs are neighbours (2i, 2i + 1).
 */
public final class RotaryEmbedding {
  private final int[] axes;
  private final double[] frequencies;

  /**
   * @param axes elements of a head for time, height and width
   * @param theta base of the frequencies
   */
  public RotaryEmbedding(List<Integer> axes, double theta) {
    this.axes = axes.stream().mapToInt(Integer::intValue).toArray();
    int headDim = axes.stream().mapToInt(Integer::intValue).sum();
    frequencies = new double[headDim / 2];
    int pair = 0;
    for (int dim : this.axes) {
      for (int i = 0; i < dim / 2; i++) {
        frequencies[pair++] = Math.pow(theta, -2.0 * i / dim);
      }
    }
  }

  /** Cosine and sine of each pair at a position: {@code [headDim / 2][2]}, flat. */
  public float[] at(int frame, int row, int column) {
    float[] turns = new float[frequencies.length * 2];
    int pair = 0;
    for (int axis = 0; axis < axes.length; axis++) {
      int position = axis == 0 ? frame : axis == 1 ? row : column;
      for (int i = 0; i < axes[axis] / 2; i++, pair++) {
        double angle = position * frequencies[pair];
        turns[2 * pair] = (float) Math.cos(angle);
        turns[2 * pair + 1] = (float) Math.sin(angle);
      }
    }
    return turns;
  }

  /** Turns one head's vector, in place. */
  public static void apply(float[] vector, float[] turns) {
    for (int i = 0; i < vector.length; i += 2) {
      float x = vector[i];
      float y = vector[i + 1];
      vector[i] = x * turns[i] - y * turns[i + 1];
      vector[i + 1] = x * turns[i + 1] + y * turns[i];
    }
  }
}
