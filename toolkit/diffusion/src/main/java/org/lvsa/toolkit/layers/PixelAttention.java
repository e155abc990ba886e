// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.Arena;

/**
 * Dense attention of one head among the pixels of a frame, each frame for itself, with the scale
 * {@code 1/sqrt(channels)}. Scores are made for a stretch of queries at a time, so that memory does
 * not grow with the square of the pixels.
 */
public final class PixelAttention {
  /** Score elements at a time: 16 MB. */
  private static final int SCORES = 1 << 22;

  private PixelAttention() {}

  /**
   * Attends.
   *
   * @param qkv query, key and value of each pixel, one after the other in its channels
   * @param out the result, with a third of the channels
   */
  public static void attend(Volume qkv, Volume out) {
    int channels = out.channels();
    int pixels = out.height() * out.width();
    int stretch = Math.max(1, Math.min(pixels, SCORES / pixels));
    float scale = (float) (1 / Math.sqrt(channels));
    try (Arena arena = Arena.ofShared()) {
      Matrix scores =
          new Matrix(
              arena.allocate((long) stretch * pixels * Float.BYTES, 64), stretch, pixels, pixels);
      for (int t = 0; t < out.frames(); t++) {
        Matrix all = qkv.frames(t, 1).matrix();
        Matrix query = all.columns(0, channels);
        Matrix key = all.columns(channels, channels);
        Matrix value = all.columns(2 * channels, channels);
        Matrix result = out.frames(t, 1).matrix();
        for (int first = 0; first < pixels; first += stretch) {
          int count = Math.min(stretch, pixels - first);
          Matrix part = scores.rows(0, count);
          Gemm.multiplyTransposed(query.rows(first, count), key, scale, 0, part);
          Rows.map(
              part,
              part,
              (index, row) -> {
                float sum = Floats.exp(row, Floats.max(row));
                Floats.multiply(row, 1 / sum);
              });
          Gemm.multiply(part, value, 1, 0, result.rows(first, count));
        }
      }
    }
  }
}
