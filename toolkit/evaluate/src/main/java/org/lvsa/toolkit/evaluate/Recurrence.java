// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

/**
 * Whether the changes from frame to frame recur: their autocorrelation.
 *
 * @param lag frames after which they resemble themselves most, at least 3 where there are enough; 0
 *     if there is none
 * @param strength 0 to 1
 * @param curve the autocorrelation at lags 1, 2, …; empty if nothing changes; not copied
 */
record Recurrence(int lag, double strength, double[] curve) {
  private static final double NOTHING = 1e-8;

  /** Of the lengths of the changes between consecutive frames, at least 4 of them. */
  static Recurrence of(double[] changes, Rules rules) {
    double mean = Numbers.mean(changes);
    int count = changes.length;
    double[] centred = new double[count];
    double norm = 0;
    for (int i = 0; i < count; i++) {
      centred[i] = changes[i] - mean;
      norm += centred[i] * centred[i];
    }
    if (norm < NOTHING) {
      // Even changes: upstream takes them for a repetition. They may be a steady motion.
      return rules == Rules.UPSTREAM
          ? new Recurrence(1, 0.8, new double[0])
          : new Recurrence(0, 0, new double[0]);
    }
    double[] curve = new double[count / 2];
    for (int lag = 1; lag <= curve.length; lag++) {
      double sum = 0;
      for (int i = 0; i + lag < count; i++) {
        sum += centred[i] * centred[i + lag];
      }
      curve[lag - 1] = sum / norm;
    }
    int peak = Numbers.firstLargest(curve, Math.min(2, curve.length - 1));
    return new Recurrence(peak + 1, Numbers.unit(curve[peak]), curve);
  }
}
