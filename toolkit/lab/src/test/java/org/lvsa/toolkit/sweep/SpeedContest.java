// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;

/**
 * Rivals that are measured in turn, one after the other, round after round, beside a limit that
 * none of them can pass. Each figure is printed as soon as it is there.
 *
 * @param limit what the limit is called; it is the first of the rivals
 * @param rivals GFLOP/s of each by name, in the order in which they take turns
 * @param nanos the clock
 * @param out where figures go
 */
record SpeedContest(
    String limit, Map<String, DoubleSupplier> rivals, LongSupplier nanos, PrintStream out) {
  /** Clocks of two measurements differ a little, and their slices have an edge. */
  private static final double TOLERANCE = 1.01;

  /** More change nothing in the medians. */
  private static final int MOST_ROUNDS = 9;

  /** The rounds before it warm up what they measure. */
  private static final int FIRST_COUNTED = 1;

  /**
   * Measures until the time is over. Every rival gets a round to warm up and one that counts,
   * however little time there is.
   *
   * @return the figures of every rival
   */
  Map<String, List<Double>> measure(double seconds) {
    long end = nanos.getAsLong() + (long) (seconds * 1e9);
    Map<String, List<Double>> figures = new LinkedHashMap<>();
    rivals.keySet().forEach(name -> figures.put(name, new ArrayList<>()));
    for (int round = 0; round < FIRST_COUNTED + MOST_ROUNDS; round++) {
      for (Map.Entry<String, DoubleSupplier> rival : rivals.entrySet()) {
        if (round > FIRST_COUNTED && nanos.getAsLong() - end >= 0) {
          return figures;
        }
        double gflops = rival.getValue().getAsDouble();
        String counted = round < FIRST_COUNTED ? "warming up" : "round " + round;
        out.printf(Locale.ROOT, "%s: %s %.1f GFLOP/s%n", counted, rival.getKey(), gflops);
        out.flush();
        if (round >= FIRST_COUNTED) {
          figures.get(rival.getKey()).add(gflops);
        }
      }
    }
    return figures;
  }

  /**
   * Prints medians and bests, and a warning for each rival that passed the limit.
   *
   * @return whether none did
   */
  boolean report(Map<String, List<Double>> figures) {
    double most = best(figures.get(limit));
    boolean bounded = true;
    for (Map.Entry<String, List<Double>> rival : figures.entrySet()) {
      double best = best(rival.getValue());
      out.printf(
          Locale.ROOT,
          "%-34s %7.1f GFLOP/s, at best %7.1f, %3.0f%% of the limit%n",
          rival.getKey(),
          median(rival.getValue()),
          best,
          100 * median(rival.getValue()) / most);
      if (best > TOLERANCE * most) {
        bounded = false;
        out.printf(
            Locale.ROOT,
            "WARNING: %s reached %.1f, MORE THAN THE LIMIT of %.1f, which is measured wrongly, or"
                + " with narrower vectors%n",
            rival.getKey(),
            best,
            most);
      }
    }
    return bounded;
  }

  static double median(List<Double> figures) {
    return Statistics.median(figures.stream().mapToDouble(Double::doubleValue).toArray());
  }

  private static double best(List<Double> figures) {
    return figures.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
  }
}
