// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Arrays;

/** Statistics of a list of numbers, by the definitions of NumPy. */
final class Numbers {
  private Numbers() {}

  /** Mean; NaN of nothing. */
  static double mean(double[] values) {
    return Arrays.stream(values).sum() / values.length;
  }

  /** Variance of a whole population: the mean squared distance from the mean. */
  static double variance(double[] values) {
    double mean = mean(values);
    double squares = 0;
    for (double value : values) {
      squares += (value - mean) * (value - mean);
    }
    return squares / values.length;
  }

  /** Standard deviation of a whole population. */
  static double deviation(double[] values) {
    return Math.sqrt(variance(values));
  }

  /** A percentile, between two values by linear interpolation. */
  static double percentile(double[] values, double percent) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    double place = percent / 100 * (sorted.length - 1);
    int below = (int) Math.floor(place);
    int above = Math.min(below + 1, sorted.length - 1);
    double share = place - below;
    double step = sorted[above] - sorted[below];
    return share < 0.5 ? sorted[below] + step * share : sorted[above] - step * (1 - share);
  }

  /** The median. */
  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int half = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  /** The place of the first of the largest values. */
  static int firstLargest(double[] values, int from) {
    int largest = from;
    for (int i = from + 1; i < values.length; i++) {
      if (values[i] > values[largest]) {
        largest = i;
      }
    }
    return largest;
  }

  /** A value no less than 0 and no more than 1. */
  static double unit(double value) {
    return Math.min(1, Math.max(0, value));
  }

  /**
   * A number with so many digits after the point, as Python rounds: correctly from the binary
   * value, ties to the even digit. Infinities and NaN stay.
   */
  static double round(double value, int digits) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      return value;
    }
    double rounded = new BigDecimal(value).setScale(digits, RoundingMode.HALF_EVEN).doubleValue();
    return rounded == 0 ? Math.copySign(rounded, value) : rounded;
  }

  /** Python's {@code max(0, value)}: 0 where the value is no number. */
  static double atLeastZero(double value) {
    return value > 0 ? value : 0;
  }
}
