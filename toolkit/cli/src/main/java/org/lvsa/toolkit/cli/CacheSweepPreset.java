// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.lvsa.toolkit.cache.CacheConfigReader;
import org.lvsa.toolkit.cache.CacheSettings;
import org.lvsa.toolkit.cache.StepMask;
import org.lvsa.toolkit.io.MalformedFileException;

/** The caches that a cache sweep tries where nobody names some. */
enum CacheSweepPreset {
  /** Some of each kind. */
  ALL,
  /**
   * Those that decide by the number of the step alone, so that random weights take the same time as
   * a model's own.
   */
  SCRIPTED;

  /**
   * A cache.
   *
   * @param backend its name; {@code none} for no cache
   * @param config its settings
   */
  record Cache(String backend, String config) {
    /** No cache. */
    static final Cache NONE = new Cache("none", "");

    Optional<CacheSettings> settings() {
      return CacheConfigReader.read(backend, config);
    }

    private Cache with(String name, String value) {
      return new Cache(backend, config.replaceFirst("}$", ", \"" + name + "\": " + value + "}"));
    }
  }

  /** Runs a video with a cache that measures, and gives what it measured. */
  interface Measures {
    /** The measured settings as JSON; empty where there are too few steps to measure them. */
    Optional<String> measure(Cache measuring) throws Exception;
  }

  /** The caches. Those that need it are calibrated. */
  List<Cache> caches(int steps, Measures measures) throws Exception {
    List<Cache> caches = new ArrayList<>();
    int warmup = Math.max(1, Math.min(4, steps / 5));
    if (this == ALL) {
      differences(caches, warmup);
    }
    masks(caches, steps);
    if (this == ALL) {
      for (String threshold : List.of("0.1", "0.2", "0.4", "0.8")) {
        caches.add(new Cache(CacheSettings.FIRST_BLOCK, "{\"threshold\": " + threshold + "}"));
      }
      calibrated(caches, measures);
    } else {
      // Ratios of 1 add no error: as many steps in a row are skipped as may be.
      for (int skips = 1; skips <= 3; skips++) {
        caches.add(
            new Cache(
                CacheSettings.MAG_CACHE,
                "{\"mag_ratios\": [1.0], \"max_skip_steps\": " + skips + "}"));
      }
    }
    return caches;
  }

  /** DBCache, which decides by differences. */
  private static void differences(List<Cache> caches, int warmup) {
    for (String threshold : List.of("0.08", "0.16", "0.24", "0.4", "0.8")) {
      caches.add(dbCache(threshold, warmup));
    }
    for (String order : List.of("1", "2")) {
      for (String threshold : List.of("0.24", "0.8")) {
        caches.add(
            dbCache(threshold, warmup)
                .with("enable_taylorseer", "true")
                .with("taylorseer_order", order));
      }
    }
  }

  private static Cache dbCache(String threshold, int warmup) {
    return new Cache(
        CacheSettings.DB_CACHE,
        "{\"residual_diff_threshold\": " + threshold + ", \"max_warmup_steps\": " + warmup + "}");
  }

  /** DBCache with the published masks, as far as there are some for so many steps. */
  private void masks(List<Cache> caches, int steps) {
    for (StepMask.Policy policy : StepMask.Policy.values()) {
      if (masked(policy, steps)) {
        Cache cache =
            new Cache(
                CacheSettings.DB_CACHE,
                "{\"scm_steps_mask_policy\": \""
                    + policy.name().toLowerCase(Locale.ROOT)
                    + "\", \"scm_steps_policy\": \"static\"}");
        caches.add(cache);
        if (this == SCRIPTED) {
          caches.add(cache.with("enable_taylorseer", "true"));
        }
      }
    }
  }

  private static boolean masked(StepMask.Policy policy, int steps) {
    try {
      StepMask.of(policy, steps);
      return true;
    } catch (MalformedFileException e) {
      return false;
    }
  }

  private static void calibrated(List<Cache> caches, Measures measures) throws Exception {
    Optional<String> tea =
        measures.measure(new Cache(CacheSettings.TEA_CACHE, "{\"tea_calibrate\": true}"));
    for (String threshold : tea.isPresent() ? List.of("0.2", "0.5", "1", "2") : List.<String>of()) {
      caches.add(new Cache(CacheSettings.TEA_CACHE, tea.get()).with("rel_l1_thresh", threshold));
    }
    Optional<String> mag =
        measures.measure(new Cache(CacheSettings.MAG_CACHE, "{\"mag_calibrate\": true}"));
    for (String threshold : mag.isPresent() ? List.of("0.06", "0.12", "0.24") : List.<String>of()) {
      caches.add(new Cache(CacheSettings.MAG_CACHE, mag.get()).with("threshold", threshold));
    }
    for (int every = 2; every <= 3; every++) {
      caches.add(
          new Cache(
              CacheSettings.PYRAMID,
              "{\"spatial_attention_block_skip_range\": "
                  + every
                  + ", \"cross_attention_block_skip_range\": "
                  + 2 * every
                  + "}"));
    }
  }
}
