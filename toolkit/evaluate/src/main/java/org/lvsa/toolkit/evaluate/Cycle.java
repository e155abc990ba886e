// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

/**
 * Whether a video comes back to where it was: the mean similarity of frames that are {@code k}
 * frames apart, for each {@code k}.
 *
 * @param score 0 to 1, 1 for a video that repeats itself
 * @param period the {@code k} of the highest mean; 0 if there is none that stands out
 * @param meanSimilarity of all pairs of different frames
 * @param deviation of the same
 */
record Cycle(double score, int period, double meanSimilarity, double deviation) {
  /** Above this, a cycle counts as detected. */
  static final double DETECTED = 0.4;

  /** Means that differ by less are told apart by rounding alone. */
  private static final double NOISE = 1e-5;

  private static final double SIMILAR = 0.90;
  private static final double VERY_SIMILAR = 0.95;

  /** From the similarities of all pairs of at least 10 frames. */
  static Cycle of(double[][] similarities, Rules rules) {
    int frames = similarities.length;
    double[] bands = bands(similarities);
    int shortest = shortest(frames);
    int peak = shortest < bands.length ? Numbers.firstLargest(bands, shortest) : 0;
    double mean = Numbers.mean(bands);
    double value = shortest < bands.length ? bands[peak] : mean;
    double deviation = Numbers.deviation(bands);
    boolean stands = rules == Rules.UPSTREAM ? deviation > 0 : deviation > NOISE;
    double score = Numbers.unit(stands ? (value - mean) / deviation / 3 : (mean - 0.8) / 0.2);
    double[] others = new double[frames * (frames - 1)];
    int filled = 0;
    for (int i = 0; i < frames; i++) {
      for (int j = 0; j < frames; j++) {
        if (i != j) {
          others[filled++] = similarities[i][j];
        }
      }
    }
    double similar = (float) Numbers.mean(others);
    if (similar > VERY_SIMILAR) {
      score = Math.max(score, 0.8);
    } else if (similar > SIMILAR) {
      score = Math.max(score, 0.5);
    }
    int period = rules == Rules.UPSTREAM || stands ? peak + 1 : 0;
    return new Cycle(score, period, similar, (float) Numbers.deviation(others));
  }

  /** Frames that are nearer than this are alike because the video is smooth. */
  static int shortest(int frames) {
    return Math.max(3, frames / 10);
  }

  /** The mean similarity of frames that are 1, 2, … half the video's frames apart. */
  static double[] bands(double[][] similarities) {
    int frames = similarities.length;
    double[] bands = new double[frames / 2];
    for (int k = 1; k <= bands.length; k++) {
      double sum = 0;
      for (int i = 0; i + k < frames; i++) {
        sum += similarities[i][i + k];
      }
      bands[k - 1] = (float) (sum / (frames - k));
    }
    return bands;
  }
}
