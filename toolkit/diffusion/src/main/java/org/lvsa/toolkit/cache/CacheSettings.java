// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Which step cache runs, and how. */
public sealed interface CacheSettings
    permits DbCacheSettings,
        CacheSettings.TeaCache,
        CacheSettings.FirstBlock,
        CacheSettings.MagCache,
        CacheSettings.Pyramid {
  /** The name of DBCache's backend. */
  String DB_CACHE = "cache_dit";

  /** The name of TeaCache's backend. */
  String TEA_CACHE = "tea_cache";

  /** The name of FirstBlockCache's backend. */
  String FIRST_BLOCK = "first_block";

  /** The name of MagCache's backend. */
  String MAG_CACHE = "mag_cache";

  /** The name of pyramid attention broadcast's backend. */
  String PYRAMID = "pab";

  /** Names of all backends. */
  List<String> BACKENDS = List.of(DB_CACHE, TEA_CACHE, FIRST_BLOCK, MAG_CACHE, PYRAMID);

  /** TeaCache that measures its coefficients. */
  static CacheSettings measuringTeaCache() {
    return new TeaCache(1, Optional.empty(), true);
  }

  /** MagCache that measures its ratios. */
  static CacheSettings measuringMagCache() {
    return new MagCache(0, 1, 1, Optional.empty());
  }

  /** The backend's name. */
  String backend();

  /** Why such a cache never takes anything again, and what to give for it; empty if it may. */
  default Optional<String> idle() {
    return Optional.empty();
  }

  /**
   * TeaCache (Liu et al. 2024): all blocks are skipped while the input of the first one, modulated
   * by the time step, has not changed much since the last computed step.
   *
   * @param threshold of the summed differences, above 0 ({@code rel_l1_thresh})
   * @param coefficients c0 to c4 of the polynomial of degree 4 that turns a difference of inputs
   *     into one of outputs; empty where none are given
   * @param calibrate whether the coefficients are measured and nothing is cached
   */
  record TeaCache(double threshold, Optional<List<Double>> coefficients, boolean calibrate)
      implements CacheSettings {
    @Override
    public String backend() {
      return TEA_CACHE;
    }

    @Override
    public String toString() {
      return calibrate ? "calibrate" : "T" + threshold;
    }
  }

  /**
   * FirstBlockCache: the blocks after the first are skipped while the first one's residual differs
   * by no more than the threshold.
   */
  record FirstBlock(double threshold) implements CacheSettings {
    @Override
    public String backend() {
      return FIRST_BLOCK;
    }

    @Override
    public String toString() {
      return "R" + threshold;
    }
  }

  /**
   * MagCache (Ma et al. 2025): all blocks are skipped while the product of known ratios of the
   * residuals' magnitudes stays near 1.
   *
   * @param threshold of the summed errors
   * @param maxSkips steps in a row at most
   * @param retention share of the first steps that are computed
   * @param ratios of the magnitude of one step's residual to the one before, for a run of any
   *     number of steps: the nearest is taken; empty to measure them ({@code mag_calibrate})
   */
  record MagCache(double threshold, int maxSkips, double retention, Optional<List<Double>> ratios)
      implements CacheSettings {
    @Override
    public String backend() {
      return MAG_CACHE;
    }

    @Override
    public String toString() {
      return ratios.isEmpty() ? "calibrate" : "T" + threshold + "_K" + maxSkips + "_R" + retention;
    }
  }

  /**
   * Pyramid attention broadcast (Zhao et al. 2024): an attention's output is used again for some
   * steps.
   *
   * @param selfEvery a self-attention is computed each so-manieth step; empty for all
   * @param crossEvery as {@code selfEvery}, for cross-attentions
   * @param selfRange scheduler's timesteps between which self-attentions are skipped
   * @param crossRange as {@code selfRange}, for cross-attentions
   */
  record Pyramid(OptionalInt selfEvery, OptionalInt crossEvery, Range selfRange, Range crossRange)
      implements CacheSettings {
    /**
     * Timesteps.
     *
     * @param low excluded
     * @param high excluded
     */
    record Range(double low, double high) {
      boolean holds(double timestep) {
        return low < timestep && timestep < high;
      }
    }

    @Override
    public String backend() {
      return PYRAMID;
    }

    @Override
    public Optional<String> idle() {
      return selfEvery.orElse(1) == 1 && crossEvery.orElse(1) == 1
          ? Optional.of(
              "--cache-backend pab computes every attention as long as --cache-config has no"
                  + " spatial_attention_block_skip_range or cross_attention_block_skip_range above"
                  + " 1, such as {\"spatial_attention_block_skip_range\": 2}")
          : Optional.empty();
    }

    @Override
    public String toString() {
      return "S" + text(selfEvery) + "C" + text(crossEvery);
    }

    private static String text(OptionalInt every) {
      return every.isPresent() ? Integer.toString(every.getAsInt()) : "1";
    }
  }
}
