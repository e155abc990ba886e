// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.Arena;
import java.util.List;

/**
 * Dense attention of one head among pixels, with the scale {@code 1/sqrt(channels)}: each frame for
 * itself, or a frame together with those before it. Scores are made for a stretch of queries at a
 * time, so that memory does not grow with the square of the pixels.
 */
public final class PixelAttention {
  /** Score elements at a time: 16 MB. */
  public static final int SCORES = 1 << 22;

  private PixelAttention() {}

  /**
   * Attends within each frame.
   *
   * @param qkv query, key and value of each pixel, one after the other in its channels
   * @param out the result, with a third of the channels
   */
  public static void attend(Volume qkv, Volume out) {
    int channels = out.channels();
    for (int t = 0; t < out.frames(); t++) {
      Matrix all = qkv.frames(t, 1).matrix();
      attend(
          all.columns(0, channels),
          List.of(all.columns(channels, channels)),
          List.of(all.columns(2 * channels, channels)),
          out.frames(t, 1).matrix());
    }
  }

  /**
   * Attends from some pixels to several stretches of pixels together.
   *
   * @param query a pixel per row
   * @param keys the stretches' keys, a pixel per row
   * @param values as keys
   * @param out the result, a pixel per row
   */
  public static void attend(Matrix query, List<Matrix> keys, List<Matrix> values, Matrix out) {
    int pixels = keys.stream().mapToInt(Matrix::rows).reduce(0, Math::addExact);
    int stretch = Math.max(1, Math.min(query.rows(), SCORES / pixels));
    float scale = (float) (1 / Math.sqrt(out.columns()));
    try (Arena arena = Arena.ofShared()) {
      Matrix scores =
          new Matrix(
              arena.allocate((long) stretch * pixels * Float.BYTES, 64), stretch, pixels, pixels);
      for (int first = 0; first < query.rows(); first += stretch) {
        int count = Math.min(stretch, query.rows() - first);
        Matrix part = scores.rows(0, count);
        int column = 0;
        for (Matrix key : keys) {
          Gemm.multiplyTransposed(
              query.rows(first, count), key, scale, 0, part.columns(column, key.rows()));
          column += key.rows();
        }
        Rows.map(
            part,
            part,
            (index, row) -> {
              float sum = Floats.exp(row, Floats.max(row));
              Floats.multiply(row, 1 / sum);
            });
        column = 0;
        for (Matrix value : values) {
          Gemm.multiply(
              part.columns(column, value.rows()),
              value,
              1,
              column == 0 ? 0 : 1,
              out.rows(first, count));
          column += value.rows();
        }
      }
    }
  }
}
