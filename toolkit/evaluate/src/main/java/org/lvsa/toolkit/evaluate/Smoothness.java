// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

/**
 * How evenly a video moves.
 *
 * @param score 0 to 100
 * @param variance of the pairs' mean motion, in square pixels
 * @param jolt largest second difference of the mean motion, in pixels
 * @param consistency 0 to 1: 1 less the variance per mean
 */
record Smoothness(double score, double variance, double jolt, double consistency) {
  private static final double TOO_FEW = 75;

  /** Of the mean motion of consecutive pairs; fewer than two of them count as 75. */
  static Smoothness of(double[] lengths) {
    if (lengths.length < 2) {
      return new Smoothness(TOO_FEW, 0, 0, 1);
    }
    double variance = Numbers.variance(lengths);
    double jolt = 0;
    for (int i = 2; i < lengths.length; i++) {
      // As NumPy takes differences of differences, whose rounding decides the last digit.
      double second = lengths[i] - lengths[i - 1] - (lengths[i - 1] - lengths[i - 2]);
      jolt = Math.max(jolt, Math.abs(second));
    }
    double consistency = 1 - Math.min(1, variance / (Numbers.mean(lengths) + 1e-6));
    double score =
        0.5 * Numbers.atLeastZero(100 - 10 * variance)
            + 0.3 * Numbers.atLeastZero(100 - 5 * jolt)
            + 0.2 * 100 * consistency;
    return new Smoothness(Math.min(100, Numbers.atLeastZero(score)), variance, jolt, consistency);
  }
}
