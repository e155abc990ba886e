// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.sweep.Statistics.Interval;

class StatisticsTest {

  @ParameterizedTest
  @CsvSource({
    // n, rank of the lower end: published tables of the sign test's interval at 95 %
    "6, 1",
    "8, 1",
    "9, 2",
    "11, 2",
    "12, 3",
    "15, 4",
    "20, 6",
    "25, 8",
    "30, 10",
    "50, 18",
    "100, 40"
  })
  void theEndsAreTheOrderStatisticsOfTheSignTest(int n, int rank) {
    double[] values = new double[n];
    for (int i = 0; i < n; i++) {
      // 1 to n, in another order.
      values[n - 1 - i] = i + 1;
    }
    Interval interval = Statistics.medianInterval(values);
    assertEquals(rank, interval.low());
    assertEquals(n + 1 - rank, interval.high());
    assertEquals((n + 1) / 2.0, interval.median());
  }

  @Test
  void theIntervalCoversTheMedianAsOftenAsItSays() {
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    int covered = 0;
    int trials = 4000;
    for (int trial = 0; trial < trials; trial++) {
      double[] values = new double[11];
      for (int i = 0; i < values.length; i++) {
        // Skewed, as times are; the median is 1.
        values[i] = Math.exp(random.nextGaussian());
      }
      Interval interval = Statistics.medianInterval(values);
      covered += interval.low() <= 1 && 1 <= interval.high() ? 1 : 0;
    }
    // 98.8 % for eleven values; five standard errors are 0.9 %.
    assertTrue(covered > 0.979 * trials, covered + " of " + trials + ", seed " + seed);
    assertTrue(covered < trials, "an interval that never misses says nothing, seed " + seed);
  }

  @Test
  void fewerThanSixValuesHaveNoInterval() {
    assertEquals(
        "a 95 % interval of a median needs at least six values, got 5",
        assertThrows(IllegalArgumentException.class, () -> Statistics.medianInterval(new double[5]))
            .getMessage());
  }

  @Test
  void mediansAndQuartilesAreInterpolated() {
    assertEquals(2.5, Statistics.median(new double[] {4, 1, 3, 2}));
    assertEquals(3, Statistics.median(new double[] {5, 1, 3}));
    assertEquals(1.5, Statistics.interquartileRange(new double[] {4, 1, 3, 2}));
    assertEquals(0, Statistics.interquartileRange(new double[] {7, 7, 7}));
  }

  @Test
  void anIntervalIsWideOnEitherSide() {
    assertFalse(new Interval(1, 0.9, 1.1).widerThan(0.1));
    assertTrue(new Interval(1, 0.89, 1).widerThan(0.1));
    assertTrue(new Interval(1, 1, 1.11).widerThan(0.1));
  }
}
