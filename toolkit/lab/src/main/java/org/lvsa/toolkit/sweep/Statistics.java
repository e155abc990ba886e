// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.Arrays;

/** Robust statistics of few measurements. */
public final class Statistics {
  /** At most this probability lies outside an interval. */
  private static final double OUTSIDE = 0.05;

  private Statistics() {}

  /**
   * A median with its confidence interval.
   *
   * @param median the sample median
   * @param low lower end
   * @param high upper end
   */
  public record Interval(double median, double low, double high) {
    /** Whether either end is more than this share of the median away from it. */
    public boolean widerThan(double share) {
      return low < median * (1 - share) || high > median * (1 + share);
    }
  }

  /** The median: of an even number of values, the mean of the two in the middle. */
  public static double median(double[] values) {
    return quantile(sorted(values), 0.5);
  }

  /** The interquartile range; quartiles are interpolated linearly between order statistics. */
  static double interquartileRange(double[] values) {
    double[] sorted = sorted(values);
    return quantile(sorted, 0.75) - quantile(sorted, 0.25);
  }

  /**
   * The median and its 95 % confidence interval from order statistics, which assumes nothing about
   * the distribution. A median lies between the k-th smallest and the k-th largest of n independent
   * values unless fewer than k values fall on one side of it, which has probability 2 · P(B(n, ½) <
   * k). The largest k for which that is at most 5 % is taken. With six values, the fewest for which
   * there is one, the interval reaches from the smallest to the largest (96.9 %).
   *
   * @throws IllegalArgumentException for fewer than six values
   */
  public static Interval medianInterval(double[] values) {
    int n = values.length;
    double term = Math.pow(0.5, n);
    double below = term;
    int k = 0;
    while (2 * below <= OUTSIDE) {
      k++;
      term *= (n - k + 1.0) / k;
      below += term;
    }
    if (k == 0) {
      throw new IllegalArgumentException(
          "a 95 % interval of a median needs at least six values, got " + n);
    }
    double[] sorted = sorted(values);
    return new Interval(quantile(sorted, 0.5), sorted[k - 1], sorted[n - k]);
  }

  private static double[] sorted(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted;
  }

  private static double quantile(double[] sorted, double share) {
    double place = share * (sorted.length - 1);
    int below = (int) place;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }
}
