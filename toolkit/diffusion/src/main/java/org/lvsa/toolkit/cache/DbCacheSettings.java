// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Settings of DBCache, the dual block cache of Cache-DiT: the first blocks always run and tell by
 * their residual whether the middle ones can be skipped; the last ones always run too.
 *
 * @param firstBlocks that always run ({@code Fn_compute_blocks}), at least 1
 * @param lastBlocks that always run ({@code Bn_compute_blocks})
 * @param limits on the number of cached steps
 * @param difference how residuals are compared
 * @param mask which steps are computed in any case
 * @param taylorOrder of the forecast of residuals (TaylorSeer); 0 uses the last one as it is
 * @param refresh forgets everything in the middle of a run
 */
public record DbCacheSettings(
    int firstBlocks,
    int lastBlocks,
    Limits limits,
    Difference difference,
    Optional<Mask> mask,
    int taylorOrder,
    Refresh refresh)
    implements CacheSettings {

  /** Derivatives at most: higher ones amplify rounding. */
  static final int HIGHEST_ORDER = 4;

  /**
   * Limits.
   *
   * @param warmupSteps first steps that are computed
   * @param warmupInterval distance of the computed ones among them
   * @param cachedSteps at most; empty for no limit
   * @param continuousSteps cached ones in a row at most; empty for no limit
   * @param accumulated sum of the differences of cached steps from which on nothing is cached; 0
   *     for no limit
   */
  public record Limits(
      int warmupSteps,
      int warmupInterval,
      OptionalInt cachedSteps,
      OptionalInt continuousSteps,
      double accumulated) {}

  /**
   * How residuals are compared.
   *
   * @param threshold below which a step is cached; 0 or less never caches, 1 or more always
   * @param important compare only tokens whose own relative difference is above this; 0 compares
   *     all
   * @param everyChannel compare each so-manieth feature, which takes less memory
   * @param hiddenStates compare the stream after the first blocks in place of its residual
   * @param separateBranches whether the negative branch has its own difference; if not it uses the
   *     one of the positive branch at the same step
   */
  public record Difference(
      double threshold,
      double important,
      int everyChannel,
      boolean hiddenStates,
      boolean separateBranches) {}

  /**
   * A step mask.
   *
   * @param policy by name, or empty where the mask is written out
   * @param written the mask; empty where a policy gives it
   * @param isStatic whether steps that the mask does not compute are cached without a look at
   *     differences and limits
   */
  public record Mask(
      Optional<StepMask.Policy> policy, Optional<StepMask> written, boolean isStatic) {
    /** The mask for that many steps. */
    StepMask of(int steps) {
      return written.orElseGet(() -> StepMask.of(policy.orElseThrow(), steps));
    }
  }

  /**
   * When everything is forgotten in the middle of a run.
   *
   * @param step before which; empty for never
   * @param repeated whether it happens again after as many steps
   */
  public record Refresh(OptionalInt step, boolean repeated) {
    /** Nothing is forgotten. */
    static final Refresh NEVER = new Refresh(OptionalInt.empty(), false);
  }

  /** FirstBlockCache as DBCache: one block, no warm-up, no limits. */
  static DbCacheSettings firstBlock(double threshold) {
    return new DbCacheSettings(
        1,
        0,
        new Limits(0, 1, OptionalInt.empty(), OptionalInt.empty(), 0),
        new Difference(threshold, 0, 1, false, true),
        Optional.empty(),
        0,
        Refresh.NEVER);
  }

  @Override
  public String backend() {
    return CacheSettings.DB_CACHE;
  }

  /** The settings in the short notation of Cache-DiT, such as {@code F1B0_W4I1M0MC3_R0.24}. */
  @Override
  public String toString() {
    return "F"
        + firstBlocks
        + "B"
        + lastBlocks
        + "_W"
        + limits.warmupSteps()
        + "I"
        + limits.warmupInterval()
        + "M"
        + limits.cachedSteps().orElse(0)
        + "MC"
        + limits.continuousSteps().orElse(0)
        + "_R"
        + difference.threshold()
        + mask.map(
                one ->
                    "_SCM"
                        + one.policy()
                            .map(policy -> policy.name().toLowerCase(Locale.ROOT))
                            .orElseGet(() -> one.written().orElseThrow().toString())
                        + (one.isStatic() ? "_static" : "_dynamic"))
            .orElse("")
        + (taylorOrder > 0 ? "_T" + taylorOrder : "");
  }
}
