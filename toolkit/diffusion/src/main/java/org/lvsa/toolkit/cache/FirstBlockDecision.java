// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.function.DoubleSupplier;

/**
 * FirstBlockCache's decisions: computed where the difference is above the threshold. A difference
 * equal to it, or one that is no number, caches, other than with DBCache.
 */
final class FirstBlockDecision implements Decision {
  private final double threshold;
  private int step;

  FirstBlockDecision(double threshold) {
    this.threshold = threshold;
  }

  @Override
  public int step() {
    return step;
  }

  @Override
  public double[] save() {
    return new double[] {step, 0, 0, 0, 0};
  }

  @Override
  public void restore(double[] numbers) {
    step = (int) numbers[0];
  }

  @Override
  public boolean cached(boolean buffered, DoubleSupplier difference) {
    step++;
    return buffered && !(difference.getAsDouble() > threshold);
  }
}
