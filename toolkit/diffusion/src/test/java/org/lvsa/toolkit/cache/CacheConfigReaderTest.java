// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.io.MalformedFileException;

class CacheConfigReaderTest {
  @Test
  void defaultsAreThePublishedOnes() {
    assertEquals(
        "F1B0_W4I1M0MC3_R0.24", CacheConfigReader.read("cache_dit", "").orElseThrow().toString());
    assertEquals(
        "F8B2_W2I1M0MC0_R0.12_SCMfast_static_T2",
        CacheConfigReader.read(
                "cache_dit",
                """
                {"Fn_compute_blocks": 8, "Bn_compute_blocks": 2, "max_warmup_steps": 2,
                 "residual_diff_threshold": 0.12, "max_continuous_cached_steps": -1,
                 "enable_taylorseer": true, "taylorseer_order": 2,
                 "scm_steps_mask_policy": "fast", "scm_steps_policy": "static"}
                """)
            .orElseThrow()
            .toString());
    assertEquals("R0.05", CacheConfigReader.read("first_block", "{}").orElseThrow().toString());
    assertEquals("T0.2", CacheConfigReader.read("tea_cache", "{}").orElseThrow().toString());
    assertEquals(Optional.empty(), CacheConfigReader.read("none", "{}"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "cachedit|{}|Unsupported cache backend: cachedit. Supported: cache_dit, tea_cache,"
            + " first_block, mag_cache, pab, none",
        "cache_dit|{\"Fn_compute_blocks\": 0}|--cache-config: Fn_compute_blocks must be a whole"
            + " number of at least 1, got 0",
        "cache_dit|{\"taylorseer_order\": 1.5}|--cache-config: taylorseer_order must be a whole"
            + " number from 1 to 4, got 1.5",
        "cache_dit|{\"scm_steps_policy\": \"lazy\"}|--cache-config: scm_steps_policy must be"
            + " dynamic or static, got lazy",
        "cache_dit|{\"cfg_compute_first\": true}|--cache-config: cfg_compute_first must be false"
            + " where cfg_diff_compute_separate is true, got true",
        "cache_dit|{\"scm_steps_mask_policy\": \"fast\", \"num_inference_steps\": 5}|mask policies"
            + " are for 4, 6, 8 and more steps, got 5: choose 4, 6 or 8 steps, or write the mask as"
            + " digits",
        "cache_dit|[1]|--cache-config must be a JSON object, got [1]",
        "tea_cache|{\"rel_l1_thresh\": 0}|--cache-config: rel_l1_thresh must be above 0; a tiny"
            + " value computes every step, got 0.0",
        "tea_cache|{\"coefficients\": [1, 2]}|--cache-config: coefficients must be 5 numbers, got 2"
            + " numbers",
        "pab|{\"spatial_attention_timestep_skip_range\": [800, 100]}|--cache-config:"
            + " spatial_attention_timestep_skip_range must be two timesteps, the lower one first,"
            + " got [800.0, 100.0]",
        "mag_cache|{}|mag_cache needs \"mag_ratios\": measure them with \"mag_calibrate\": true or"
            + " with lvsa calibrate magcache",
        "first_block|{\"treshold\": 1}|--cache-config: unknown first_block setting treshold, the"
            + " nearest is threshold; known are threshold"
      })
  void whatDoesNotFitIsNamed(String backend, String json, String message) {
    assertEquals(
        message,
        assertThrows(MalformedFileException.class, () -> CacheConfigReader.read(backend, json))
            .getMessage());
  }
}
