// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.network;

import org.lvsa.toolkit.evaluate.frame.RgbFrame;

/**
 * A frame as CLIP and DINOv2 take it: scaled to a square, without keeping its shape, and each
 * colour less its usual mean, divided by its usual deviation.
 *
 * @param mean of red, green and blue, of 1
 * @param deviation of the same
 */
public record NetworkInput(float[] mean, float[] deviation) {
  /** What CLIP was trained with. */
  public static final NetworkInput CLIP =
      new NetworkInput(
          new float[] {0.48145466f, 0.4578275f, 0.40821073f},
          new float[] {0.26862954f, 0.26130258f, 0.27577711f});

  /** What DINOv2 was trained with: the means of ImageNet. */
  public static final NetworkInput DINO =
      new NetworkInput(new float[] {0.485f, 0.456f, 0.406f}, new float[] {0.229f, 0.224f, 0.225f});

  /**
   * Scales and normalises a frame, with bilinear interpolation between the centres of pixels and
   * without smoothing, as PyTorch's {@code interpolate}.
   *
   * @param width of the square, usually 224
   * @return {@code [3, height, width]}
   */
  public float[] of(RgbFrame frame, int width, int height) {
    Taps columns = Taps.of(frame.width(), width);
    Taps rows = Taps.of(frame.height(), height);
    float[] input = new float[3 * width * height];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        for (int colour = 0; colour < 3; colour++) {
          float above =
              at(frame, columns.low[x], rows.low[y], colour) * (1 - columns.share[x])
                  + at(frame, columns.high[x], rows.low[y], colour) * columns.share[x];
          float below =
              at(frame, columns.low[x], rows.high[y], colour) * (1 - columns.share[x])
                  + at(frame, columns.high[x], rows.high[y], colour) * columns.share[x];
          float value = above * (1 - rows.share[y]) + below * rows.share[y];
          input[(colour * height + y) * width + x] = (value - mean[colour]) / deviation[colour];
        }
      }
    }
    return input;
  }

  private static float at(RgbFrame frame, int x, int y, int colour) {
    return (frame.rgb()[3 * (y * frame.width() + x) + colour] & 0xff) / 255f;
  }

  /** Between which two pixels a scaled pixel lies, and how near to the second one. */
  private record Taps(int[] low, int[] high, float[] share) {
    static Taps of(int from, int to) {
      Taps taps = new Taps(new int[to], new int[to], new float[to]);
      float scale = (float) from / to;
      for (int i = 0; i < to; i++) {
        float place = Math.max(0, (i + 0.5f) * scale - 0.5f);
        taps.low[i] = Math.min((int) place, from - 1);
        taps.high[i] = Math.min(taps.low[i] + 1, from - 1);
        taps.share[i] = Math.clamp(place - taps.low[i], 0f, 1f);
      }
      return taps;
    }
  }
}
