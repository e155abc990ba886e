// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.Optional;
import java.util.function.DoubleSupplier;

/**
 * DBCache's decisions for one list of blocks and one branch, in Cache-DiT's order of conditions.
 *
 * <p>The count of cached steps in a row follows Cache-DiT too: a gap does not reset it, only the
 * limit does, so that a limit of 1 gives runs of two after the first.
 */
final class DbCacheDecision implements Decision {
  private final DbCacheSettings settings;
  private final Optional<StepMask> mask;
  private final int warmup;
  private int step;
  private int cachedSteps;
  private int lastCached = -1;
  private int continuous;
  private double accumulated;

  /**
   * A new run's decisions.
   *
   * @param steps of the run, which a mask's policy is stretched to
   */
  DbCacheDecision(DbCacheSettings settings, int steps) {
    this.settings = settings;
    mask = settings.mask().map(one -> one.of(steps));
    int asked = settings.limits().warmupSteps();
    warmup = mask.map(one -> Math.min(asked, one.leadingComputed())).orElse(asked);
  }

  @Override
  public int step() {
    return step;
  }

  @Override
  public double[] save() {
    return new double[] {step, cachedSteps, lastCached, continuous, accumulated};
  }

  @Override
  public void restore(double[] numbers) {
    step = (int) numbers[0];
    cachedSteps = (int) numbers[1];
    lastCached = (int) numbers[2];
    continuous = (int) numbers[3];
    accumulated = numbers[4];
  }

  @Override
  public boolean cached(boolean buffered, DoubleSupplier difference) {
    boolean cached = decide(buffered, difference);
    if (cached) {
      count();
    }
    step++;
    return cached;
  }

  private boolean decide(boolean buffered, DoubleSupplier difference) {
    DbCacheSettings.Limits limits = settings.limits();
    if (step < warmup && step % limits.warmupInterval() == 0) {
      return false;
    }
    if (mask.isPresent()) {
      if (mask.get().computes(step)) {
        return false;
      }
      if (settings.mask().orElseThrow().isStatic()) {
        return buffered;
      }
    }
    if (limits.cachedSteps().isPresent() && cachedSteps >= limits.cachedSteps().getAsInt()) {
      return false;
    }
    if (limits.continuousSteps().isPresent() && continuous >= limits.continuousSteps().getAsInt()) {
      continuous = 0;
      return false;
    }
    if (limits.accumulated() > 0 && accumulated >= limits.accumulated()) {
      return false;
    }
    double threshold = settings.difference().threshold();
    if (threshold <= 0 || !buffered) {
      return false;
    }
    if (threshold >= 1) {
      return true;
    }
    double measured = difference.getAsDouble();
    // Not a number, where the earlier residual is zero, computes.
    if (measured < threshold) {
      accumulated += measured;
      return true;
    }
    return false;
  }

  private void count() {
    if (lastCached < 0) {
      continuous++;
    } else if (step == lastCached + 1) {
      continuous += continuous == 0 ? 2 : 1;
    }
    lastCached = step;
    cachedSteps++;
  }
}
