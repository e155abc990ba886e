// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.util.List;
import org.lvsa.toolkit.attention.RotaryTable;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.model.Riflex;

/** The positions of CogVideoX's tokens. */
final class PositionTables {
  private static final double THETA = 10_000;

  private PositionTables() {}

  /**
   * Rotary turns: a quarter of the head by frame, the rest by row and column. Without patches over
   * time, rows and columns lie on a grid that is stretched over the region of the training size
   * that has the video's proportions; with them, positions are whole numbers. All of it in float32,
   * as the published pipeline.
   *
   * @param riflexScale how far the frame's intrinsic frequency is slowed; 1 is not at all
   * @throws IllegalArgumentException if whole numbers do not reach as far as the video
   */
  static RotaryTable rotary(CogVideoXConfig config, VideoGrid grid, double riflexScale) {
    return new RotaryTable(grid, turns(config, grid, riflexScale));
  }

  /**
   * Cosine and sine of each pair at each place along the axes of frames, rows and columns, as
   * {@link #rotary} has them.
   */
  static List<float[][]> turns(CogVideoXConfig config, VideoGrid grid, double riflexScale) {
    int rows = grid.patches().rows();
    int columns = grid.patches().columns();
    int baseRows = config.sample().height() / config.patch().side();
    int baseColumns = config.sample().width() / config.patch().side();
    int spatial = config.headDim() / 8 * 3;
    float[] temporal = frequencies(config.headDim() / 4);
    if (riflexScale > 1) {
      temporal = slowed(temporal, config.referenceFrames(), riflexScale);
    }
    if (config.patch().temporal()) {
      if (rows > baseRows || columns > baseColumns) {
        throw new IllegalArgumentException(
            "the video has "
                + rows
                + " by "
                + columns
                + " patches, the model has positions for "
                + baseRows
                + " by "
                + baseColumns);
      }
      return List.of(
          turns(whole(grid.frames()), temporal),
          turns(whole(rows), frequencies(spatial)),
          turns(whole(columns), frequencies(spatial)));
    }
    Region region = Region.of(rows, columns, baseRows, baseColumns);
    int frames = grid.frames();
    return List.of(
        turns(between(0, (double) frames * (frames - 1) / frames, frames), temporal),
        turns(
            between(region.top(), (double) region.bottom() * (rows - 1) / rows, rows),
            frequencies(spatial)),
        turns(
            between(region.left(), (double) region.right() * (columns - 1) / columns, columns),
            frequencies(spatial)));
  }

  /**
   * The part of the training size's grid that has a video's proportions, in its middle. Halves are
   * rounded to even numbers.
   */
  private record Region(int top, int left, int bottom, int right) {
    static Region of(int rows, int columns, int baseRows, int baseColumns) {
      int height = baseRows;
      int width = baseColumns;
      if ((double) rows / columns > (double) baseRows / baseColumns) {
        width = (int) Math.rint((double) baseRows / rows * columns);
      } else {
        height = (int) Math.rint((double) baseColumns / columns * rows);
      }
      int top = (int) Math.rint((baseRows - height) / 2.0);
      int left = (int) Math.rint((baseColumns - width) / 2.0);
      return new Region(top, left, top + height, left + width);
    }
  }

  private static float[] whole(int count) {
    float[] positions = new float[count];
    for (int i = 0; i < count; i++) {
      positions[i] = i;
    }
    return positions;
  }

  /** Even steps, counted from the nearer end. */
  private static float[] between(double first, double last, int count) {
    float[] positions = new float[count];
    float step = count == 1 ? 0 : ((float) last - (float) first) / (count - 1);
    for (int i = 0; i < count; i++) {
      positions[i] =
          i < count / 2 || count == 1
              ? (float) first + step * i
              : (float) last - step * (count - 1 - i);
    }
    return positions;
  }

  /** The frequency of each pair of an axis. */
  private static float[] frequencies(int dim) {
    float[] frequencies = new float[dim / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = 1 / (float) Math.pow(THETA, 2f * i / dim);
    }
    return frequencies;
  }

  private static float[] slowed(float[] frequencies, int trainingFrames, double scale) {
    double[] exact = new double[frequencies.length];
    for (int i = 0; i < exact.length; i++) {
      exact[i] = frequencies[i];
    }
    exact = Riflex.frequencies(exact, trainingFrames, scale);
    float[] slowed = new float[exact.length];
    for (int i = 0; i < exact.length; i++) {
      slowed[i] = (float) exact[i];
    }
    return slowed;
  }

  /** Cosine and sine of each pair at each position. */
  private static float[][] turns(float[] positions, float[] frequencies) {
    float[][] turns = new float[positions.length][2 * frequencies.length];
    for (int place = 0; place < positions.length; place++) {
      for (int i = 0; i < frequencies.length; i++) {
        float angle = positions[place] * frequencies[i];
        turns[place][2 * i] = (float) Math.cos(angle);
        turns[place][2 * i + 1] = (float) Math.sin(angle);
      }
    }
    return turns;
  }

  /**
   * Sines and cosines for each token: a quarter of the features by frame, then three eighths by
   * column, then three eighths by row.
   *
   * @return {@code [tokens, width]}, flat
   */
  static float[] sines(CogVideoXConfig.Positions.Sines positions, int width, VideoGrid grid) {
    List<float[][]> axes = features(positions, width, grid);
    int columns = grid.patches().columns();
    int patches = grid.patches().patches();
    float[] table = new float[Math.multiplyExact(grid.tokens(), width)];
    for (int token = 0; token < grid.tokens(); token++) {
      int patch = token % patches;
      int at = token * width;
      for (float[] part :
          List.of(
              axes.get(0)[token / patches],
              axes.get(2)[patch % columns],
              axes.get(1)[patch / columns])) {
        System.arraycopy(part, 0, table, at, part.length);
        at += part.length;
      }
    }
    return table;
  }

  /** What each place along the axes of frames, rows and columns gives to {@link #sines}. */
  static List<float[][]> features(
      CogVideoXConfig.Positions.Sines positions, int width, VideoGrid grid) {
    int temporal = width / 4;
    int spatial = 3 * width / 4 / 2;
    return List.of(
        sines(grid.frames(), positions.temporalScale(), temporal),
        sines(grid.patches().rows(), positions.spatialScale(), spatial),
        sines(grid.patches().columns(), positions.spatialScale(), spatial));
  }

  /** For each position the sines, then the cosines, of falling frequencies. */
  private static float[][] sines(int count, double scale, int features) {
    float[][] table = new float[count][features];
    int half = features / 2;
    for (int position = 0; position < count; position++) {
      for (int i = 0; i < half; i++) {
        double angle = position / scale * Math.pow(THETA, -(double) i / half);
        table[position][i] = (float) Math.sin(angle);
        table[position][half + i] = (float) Math.cos(angle);
      }
    }
    return table;
  }
}
