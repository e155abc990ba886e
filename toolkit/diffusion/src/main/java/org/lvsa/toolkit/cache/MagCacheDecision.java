// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.List;

/** MagCache's decisions for one branch. */
final class MagCacheDecision {
  private final CacheSettings.MagCache settings;
  private final int steps;
  private final List<Double> ratios;
  private final int retention;
  private double ratio = 1;
  private double error;
  private int skipped;
  private int step;

  /**
   * A new run's decisions.
   *
   * @param steps of the run
   */
  MagCacheDecision(CacheSettings.MagCache settings, int steps) {
    this.settings = settings;
    this.steps = steps;
    ratios = settings.ratios().orElseThrow();
    retention = (int) (settings.retention() * steps + 0.5);
  }

  /**
   * The next step.
   *
   * @param buffered whether there is an earlier residual
   * @return whether all blocks are skipped
   */
  boolean cached(boolean buffered) {
    int now = step++;
    if (now < retention) {
      return false;
    }
    ratio *= nearest(ratios, now, steps);
    error += Math.abs(1 - ratio);
    skipped++;
    if (buffered && error <= settings.threshold() && skipped <= settings.maxSkips()) {
      return true;
    }
    ratio = 1;
    error = 0;
    skipped = 0;
    return false;
  }

  double[] save() {
    return new double[] {step, ratio, error, skipped};
  }

  void restore(double[] numbers) {
    step = (int) numbers[0];
    ratio = numbers[1];
    error = numbers[2];
    skipped = (int) numbers[3];
  }

  /** The ratio of the step that lies nearest in a run of {@code steps} steps. */
  static double nearest(List<Double> ratios, int step, int steps) {
    if (steps == 1) {
      return ratios.getLast();
    }
    int index = (int) Math.rint((double) step * (ratios.size() - 1) / (steps - 1));
    return ratios.get(Math.min(index, ratios.size() - 1));
  }
}
