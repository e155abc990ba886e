// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

import java.util.List;

/**
 * The 3D rotary position embedding (RoPE) of video transformers: headDim is split over time, height
 * and width; along each axis, pair {@code i} of {@code dim / 2} turns by {@code position ·
 * theta^(−2i/dim)}. Pairs are neighbours (2i, 2i + 1). Immutable.
 */
public final class RotaryEmbedding {
  private final double[][] frequencies;

  /**
   * @param axes elements of a head for time, height and width
   * @param theta base of the frequencies
   */
  public RotaryEmbedding(List<Integer> axes, double theta) {
    this(axes.stream().map(dim -> frequencies(dim, theta)).toArray(double[][]::new));
  }

  private RotaryEmbedding(double[][] frequencies) {
    this.frequencies = frequencies;
  }

  private static double[] frequencies(int dim, double theta) {
    double[] axis = new double[dim / 2];
    for (int i = 0; i < axis.length; i++) {
      axis[i] = Math.pow(theta, -2.0 * i / dim);
    }
    return axis;
  }

  /**
   * The same positions with RIFLEx's slowed temporal frequency.
   *
   * @param trainingFrames latent frames of training
   * @param scale how many times as long the video is; 1 changes nothing
   * @throws IllegalArgumentException if the scale is below 1
   */
  public RotaryEmbedding riflex(int trainingFrames, double scale) {
    double[][] changed = frequencies.clone();
    changed[0] = Riflex.frequencies(frequencies[0], trainingFrames, scale);
    return new RotaryEmbedding(changed);
  }

  /** Radians per latent frame, for each temporal pair. */
  public double[] temporal() {
    return frequencies[0].clone();
  }

  /** Number of elements in the vector of a head. */
  public int headDim() {
    int pairs = 0;
    for (double[] axis : frequencies) {
      pairs += axis.length;
    }
    return 2 * pairs;
  }

  /** Cosine and sine of each pair at a position: {@code [headDim / 2][2]}, flat. */
  public float[] at(int frame, int row, int column) {
    float[] turns = new float[headDim()];
    int next = 0;
    for (int axis = 0; axis < frequencies.length; axis++) {
      int position = axis == 0 ? frame : axis == 1 ? row : column;
      float[] along = along(axis, position);
      System.arraycopy(along, 0, turns, next, along.length);
      next += along.length;
    }
    return turns;
  }

  /**
   * Cosine and sine of the pairs of one axis (0 time, 1 height, 2 width) at a position along it,
   * flat.
   */
  public float[] along(int axis, int position) {
    float[] turns = new float[2 * frequencies[axis].length];
    for (int i = 0; i < frequencies[axis].length; i++) {
      double angle = position * frequencies[axis][i];
      turns[2 * i] = (float) Math.cos(angle);
      turns[2 * i + 1] = (float) Math.sin(angle);
    }
    return turns;
  }

  /**
   * Rotates every head of consecutive tokens.
   *
   * @param tokens {@code [tokens, heads, headDim]}, flat; changed in place
   * @param heads of a token
   * @param grid patches of a frame
   * @param firstToken the place of the first one in the whole video: not 0 on a later rank
   */
  public void rotate(float[] tokens, int heads, PatchGrid grid, long firstToken) {
    int headDim = headDim();
    int row = heads * headDim;
    int count = tokens.length / row;
    long frames = Math.ceilDiv(firstToken + count, grid.patches());
    int[] sizes = {Math.toIntExact(frames), grid.rows(), grid.columns()};
    float[][][] turns = new float[sizes.length][][];
    for (int axis = 0; axis < sizes.length; axis++) {
      turns[axis] = new float[sizes[axis]][];
      for (int position = 0; position < sizes[axis]; position++) {
        turns[axis][position] = along(axis, position);
      }
    }
    for (int token = 0; token < count; token++) {
      long place = firstToken + token;
      int patch = (int) (place % grid.patches());
      float[][] here = {
        turns[0][(int) (place / grid.patches())],
        turns[1][patch / grid.columns()],
        turns[2][patch % grid.columns()]
      };
      for (int head = 0; head < heads; head++) {
        int at = token * row + head * headDim;
        for (float[] axis : here) {
          turn(tokens, at, axis);
          at += axis.length;
        }
      }
    }
  }

  /** Rotates the vector of one head, in place. */
  public static void apply(float[] vector, float[] turns) {
    turn(vector, 0, turns);
  }

  private static void turn(float[] vector, int at, float[] turns) {
    for (int i = 0; i < turns.length; i += 2) {
      float x = vector[at + i];
      float y = vector[at + i + 1];
      vector[at + i] = x * turns[i] - y * turns[i + 1];
      vector[at + i + 1] = x * turns[i + 1] + y * turns[i];
    }
  }
}
