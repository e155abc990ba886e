// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.io.MalformedFileException;

/** The caches' decisions with scalars in place of tensors. */
class DecisionTest {
  private static DbCacheSettings settings(String json) {
    return (DbCacheSettings) CacheConfigReader.read("cache_dit", json).orElseThrow();
  }

  /** A run: the residual of the last computed step is what later ones are compared with. */
  private static String run(Decision decision, int steps, IntToDoubleFunction residual) {
    StringBuilder text = new StringBuilder();
    double buffered = Double.NaN;
    for (int step = 0; step < steps; step++) {
      double earlier = buffered;
      double now = residual.applyAsDouble(step);
      if (decision.cached(
          !Double.isNaN(earlier), () -> Math.abs(earlier - now) / Math.abs(earlier))) {
        text.append('C');
      } else {
        text.append('.');
        buffered = now;
      }
    }
    return text.toString();
  }

  private static String db(String json, int steps, IntToDoubleFunction residual) {
    return run(new DbCacheDecision(settings(json), steps), steps, residual);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "3|....CCC.CCC.CCC.",
        "2|....CC.CC.CC.CC.",
        "1|....C.CC.CC.CC.C",
        "-1|....CCCCCCCCCCCC"
      })
  void aConstantResidualIsCachedUpToTheLimit(int limit, String expected) {
    assertEquals(
        expected,
        db("{\"max_continuous_cached_steps\": " + limit + "}", expected.length(), step -> 2));
  }

  @Test
  void aGapDoesNotResetTheCountOfCachedSteps() {
    assertEquals("....CC.CC.CCC.CCC.", db("{}", 18, step -> step < 6 ? 2 : 5));
  }

  @Test
  void thresholdsOfZeroAndOneNeverAndAlwaysCache() {
    assertEquals("........", db("{\"residual_diff_threshold\": 0}", 8, step -> 2));
    assertEquals("........", db("{\"residual_diff_threshold\": -1}", 8, step -> 2));
    assertEquals(
        "....CCCC",
        db(
            "{\"residual_diff_threshold\": 1, \"max_continuous_cached_steps\": -1}",
            8,
            step -> 1 + 100 * step));
  }

  @Test
  void aDifferenceEqualToTheThresholdAndOneThatIsNoNumberCompute() {
    String quarter = "{\"residual_diff_threshold\": 0.25, \"max_warmup_steps\": 1}";
    assertEquals("..", db(quarter, 2, step -> step == 0 ? 4 : 5));
    assertEquals(".C", db(quarter, 2, step -> step == 0 ? 4 : 4.9));
    assertEquals("..", db(quarter, 2, step -> 0));
    assertEquals(".C", run(new FirstBlockDecision(0.25), 2, step -> step == 0 ? 4 : 5));
    assertEquals("..", run(new FirstBlockDecision(0.25), 2, step -> step == 0 ? 4 : 5.1));
    assertEquals(".C", run(new FirstBlockDecision(0.25), 2, step -> 0));
  }

  @Test
  void limitsOnAllCachedStepsAndOnTheirDifferences() {
    assertEquals("....CCC.CC......", db("{\"max_cached_steps\": 5}", 16, step -> 2));
    assertEquals(
        "....CC..",
        db(
            "{\"max_accumulated_residual_diff_threshold\": 0.15, \"max_warmup_steps\": 4}",
            8,
            step -> step < 4 ? 10 : step < 6 ? 11 : 11));
    assertEquals(".C.CCC.C", db("{\"max_warmup_steps\": 4, \"warmup_interval\": 2}", 8, step -> 2));
  }

  @Test
  void masksObeyTheLimitsIfDynamicAndNothingIfStatic() {
    String mask = "{\"steps_computation_mask\": \"1100000001\"";
    assertEquals("..CCC.CCC.", db(mask + "}", 10, step -> 2));
    assertEquals("..........", db(mask + "}", 10, step -> Math.pow(2, step)));
    assertEquals(
        "..CCCCCCC.",
        db(mask + ", \"scm_steps_policy\": \"static\"}", 10, step -> Math.pow(2, step)));
    assertEquals(
        "1110100100010000100000100001".length(), StepMask.of(StepMask.Policy.FAST, 28).steps());
    assertEquals(
        "......C.CCC.CCCC.CCCCC.CCCC.",
        db(
            "{\"scm_steps_mask_policy\": \"fast\", \"scm_steps_policy\": \"static\"}",
            28,
            step -> 3));
    assertEquals("..........", db("{\"steps_computation_mask\": \"1111111111\"}", 10, step -> 2));
  }

  @Test
  void everyRequestIsANewOneOtherThanUpstream() {
    // Upstream renews a context one call too late, and runs 0 1 2 3 C C C 7, C R 1 2 3 C C C, …
    for (int request = 0; request < 3; request++) {
      assertEquals("....CCC.", db("{\"num_inference_steps\": 8}", 8, step -> 2));
    }
  }

  @Test
  void teaCacheSumsThePolynomialUntilTheThreshold() {
    List<Double> identity = List.of(0., 0., 0., 1., 0.);
    TeaCacheDecision decision = new TeaCacheDecision(0.2, identity);
    StringBuilder text = new StringBuilder();
    for (double difference : new double[] {9, .05, .05, .05, .06, .05, .3, .19, .02}) {
      text.append(decision.cached(difference) ? 'C' : '.');
    }
    assertEquals(".CCC.C.C.", text.toString());
    TeaCacheDecision flux =
        new TeaCacheDecision(0.2, TeaCacheDecision.published("FluxTransformer2DModel"));
    flux.cached(0);
    assertEquals(false, flux.cached(0), "the polynomial is 0.264 for inputs that are equal");
    assertThrows(
        MalformedFileException.class,
        () ->
            TeaCacheDecision.coefficients(
                new CacheSettings.TeaCache(0.2, Optional.empty(), false), "WanPipeline"));
  }

  @Test
  void magCacheSkipsWhileTheRatiosStayNearOne() {
    String json = "{\"mag_ratios\": [1], \"retention_ratio\": 0.2}";
    CacheSettings.MagCache mag =
        (CacheSettings.MagCache) CacheConfigReader.read("mag_cache", json).orElseThrow();
    assertEquals("..CCC.CCC.", mag(mag, 10));
    CacheSettings.MagCache falling =
        new CacheSettings.MagCache(0.06, 3, 0.2, Optional.of(Collections.nCopies(10, 0.98)));
    assertEquals("..CC.CC.CC".substring(0, 2), mag(falling, 10).substring(0, 2));
    // 1 − 0.98 = 0.02, then 0.0396 more: 0.0596 ≤ 0.06; the third would be 0.118.
    assertEquals("..CC.CC.CC", mag(falling, 10));
    assertEquals(1.5, MagCacheDecision.nearest(List.of(1., 1.5, 3.), 5, 11));
  }

  private static String mag(CacheSettings.MagCache settings, int steps) {
    MagCacheDecision decision = new MagCacheDecision(settings, steps);
    StringBuilder text = new StringBuilder();
    for (int step = 0; step < steps; step++) {
      text.append(decision.cached(step > 0) ? 'C' : '.');
    }
    return text.toString();
  }
}
