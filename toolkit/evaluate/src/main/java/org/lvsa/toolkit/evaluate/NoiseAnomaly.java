// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import org.lvsa.toolkit.evaluate.frame.GrayImage;

/**
 * Noise that no camera makes: fine detail whose distribution is not normal, or that is stronger in
 * some parts of the picture than in others.
 *
 * @param deviation of the fine detail, in levels
 * @param kurtosis excess over a normal distribution's
 * @param uniformity deviation of the 16 blocks' deviations per their mean; NaN in a frame too small
 *     for blocks
 * @param score 0 to 1
 */
record NoiseAnomaly(double deviation, double kurtosis, double uniformity, double score) {
  private static final int SIDE = 7;
  private static final double BLUR = 2;
  private static final int BLOCKS = 4;

  /** Looks at a frame. */
  static NoiseAnomaly of(GrayImage image, Rules rules) {
    float[] noise = image.detail(SIDE, BLUR);
    Moments all = moments(noise, image.width(), 0, 0, image.width(), image.height());
    double kurtosis = all.deviation() > 0 ? all.fourth() / Math.pow(all.deviation(), 4) - 3 : 0;
    double uniformity = uniformity(noise, image.width(), image.height());
    double peaked = Math.min(1, Math.abs(kurtosis) / 5);
    double score;
    if (Double.isNaN(uniformity)) {
      // Python's min(1, NaN) is 1.
      score = rules == Rules.UPSTREAM ? 0.5 * peaked + 0.5 : peaked;
    } else {
      score = 0.5 * peaked + 0.5 * Math.min(1, uniformity / 2);
    }
    return new NoiseAnomaly(all.deviation(), kurtosis, uniformity, score);
  }

  private static double uniformity(float[] noise, int width, int height) {
    int blockWidth = width / BLOCKS;
    int blockHeight = height / BLOCKS;
    if (blockWidth == 0 || blockHeight == 0) {
      return Double.NaN;
    }
    double[] deviations = new double[BLOCKS * BLOCKS];
    for (int block = 0; block < deviations.length; block++) {
      int left = block % BLOCKS * blockWidth;
      int top = block / BLOCKS * blockHeight;
      deviations[block] = moments(noise, width, left, top, blockWidth, blockHeight).deviation();
    }
    return Numbers.deviation(deviations) / (Numbers.mean(deviations) + 1e-6);
  }

  private record Moments(double deviation, double fourth) {}

  private static Moments moments(
      float[] values, int stride, int left, int top, int width, int height) {
    double sum = 0;
    for (int y = top; y < top + height; y++) {
      for (int x = left; x < left + width; x++) {
        sum += values[y * stride + x];
      }
    }
    double count = (double) width * height;
    double mean = sum / count;
    double second = 0;
    double fourth = 0;
    for (int y = top; y < top + height; y++) {
      for (int x = left; x < left + width; x++) {
        double square = Math.pow(values[y * stride + x] - mean, 2);
        second += square;
        fourth += square * square;
      }
    }
    return new Moments(Math.sqrt(second / count), fourth / count);
  }
}
