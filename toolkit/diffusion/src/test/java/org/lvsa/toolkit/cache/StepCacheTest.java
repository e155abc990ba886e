// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.blocks.ArrayTokens;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.blocks.BlockSequence;
import org.lvsa.toolkit.blocks.ForwardPattern;
import org.lvsa.toolkit.blocks.Tokens;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Step caches over lists of blocks that are made up. */
class StepCacheTest {
  private static final int TOKENS = 5;
  private static final int WIDTH = 4;

  private static StepCache cache(String backend, String json, int steps) {
    return new StepCache(
        CacheConfigReader.read(backend, json).orElseThrow(),
        StepCache.Model.of("WanPipeline", steps),
        RankMeans.ALONE);
  }

  private static INDArray ramp(double from) {
    float[] values = new float[TOKENS * WIDTH];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (from + Math.sin(i));
    }
    return NdMemory.copy(MemorySegment.ofArray(values), 1, TOKENS, WIDTH);
  }

  /** Blocks that change both streams a little, each by its own number and the time. */
  private static final class Blocks implements BlockSequence {
    private final String name;
    private final int size;
    private final ForwardPattern pattern;
    private final double time;
    private final INDArray hidden;
    private final INDArray encoder;
    private final List<Integer> ran = new ArrayList<>();

    Blocks(String name, int size, ForwardPattern pattern, double time, double start) {
      this.name = name;
      this.size = size;
      this.pattern = pattern;
      this.time = time;
      hidden = ramp(start);
      encoder = ramp(start + 1);
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public int size() {
      return size;
    }

    @Override
    public ForwardPattern pattern() {
      return pattern;
    }

    @Override
    public void run(int block) {
      ran.add(block);
      hidden.muli(1 + 0.01 * time / (block + 1)).addi(0.1 * (block + 1));
      if (pattern.changesEncoder()) {
        encoder.muli(1 - 0.01 * time / (block + 2));
      }
    }

    @Override
    public Tokens hidden() {
      return new ArrayTokens(hidden);
    }

    @Override
    public Optional<Tokens> encoder() {
      return Optional.of(new ArrayTokens(encoder));
    }

    @Override
    public Tokens modulatedInput() {
      return new ArrayTokens(hidden.mul(1 + time));
    }

    float[] streams() {
      float[] all = Arrays.copyOf(NdMemory.floats(hidden), 2 * TOKENS * WIDTH);
      System.arraycopy(NdMemory.floats(encoder), 0, all, TOKENS * WIDTH, TOKENS * WIDTH);
      return all;
    }
  }

  /** The streams after each step of a run with two branches, with or without a cache. */
  private static List<float[]> run(
      Optional<StepCache> cache, ForwardPattern pattern, int steps, double start) {
    List<float[]> results = new ArrayList<>();
    for (int step = 0; step < steps; step++) {
      for (String branch : List.of("cond", "uncond")) {
        double time = 1 - step / 20.;
        double from = start + (branch.equals("cond") ? 0 : 3);
        Blocks blocks = new Blocks("blocks", 6, pattern, time, from);
        int now = step;
        cache.ifPresent(one -> one.begin(now, 1000 * time, "transformer", branch));
        cache.<BlockRunner>map(one -> one).orElse(BlockRunner.ALL).run(blocks);
        results.add(blocks.streams());
      }
    }
    return results;
  }

  private static void assertSame(List<float[]> expected, List<float[]> actual) {
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), actual.get(i), "call " + i);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"residual_diff_threshold\": 0}",
        "{\"Fn_compute_blocks\": 6, \"residual_diff_threshold\": 1}",
        "{\"steps_computation_mask\": \"1111111111\", \"residual_diff_threshold\": 1}",
        "{\"max_warmup_steps\": 10, \"residual_diff_threshold\": 1}",
        "{\"Fn_compute_blocks\": 4, \"Bn_compute_blocks\": 2, \"residual_diff_threshold\": 1}"
      })
  void settingsThatComputeEverythingGiveTheSameBits(String json) {
    for (ForwardPattern pattern : ForwardPattern.values()) {
      try (StepCache cache = cache("cache_dit", json, 10)) {
        assertSame(run(Optional.empty(), pattern, 10, 1), run(Optional.of(cache), pattern, 10, 1));
        assertEquals(0, cache.summary().cached());
        assertEquals(20, cache.summary().computed());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(ForwardPattern.class)
  void theFirstAndLastBlocksRunAndTheStreamsGainWhatTheMiddleAddedBefore(ForwardPattern pattern) {
    String json =
        "{\"Fn_compute_blocks\": 1, \"Bn_compute_blocks\": 2, \"max_warmup_steps\": 1,"
            + " \"residual_diff_threshold\": 1}";
    try (StepCache cache = cache("cache_dit", json, 2)) {
      Blocks first = new Blocks("blocks", 6, pattern, 1, 1);
      cache.begin(0, 1000, "transformer", "cond");
      cache.run(first);
      assertEquals(List.of(0, 1, 2, 3, 4, 5), first.ran);
      // Another start with the same time: a residual that is constant makes the cache exact.
      Blocks second = new Blocks("blocks", 6, pattern, 0, 1);
      cache.begin(1, 900, "transformer", "cond");
      cache.run(second);
      assertEquals(List.of(0, 4, 5), second.ran);
      assertEquals(Map.of("transformer.blocks cond", ".C"), cache.summary().steps());
      assertEquals(pattern.changesEncoder(), encoderChanged(second));
    }
  }

  private static boolean encoderChanged(Blocks blocks) {
    return !Arrays.equals(NdMemory.floats(blocks.encoder), NdMemory.floats(ramp(2)));
  }

  @Test
  void equalStepsAreTakenFromTheCacheExactly() {
    for (String backend : List.of("cache_dit", "first_block")) {
      try (StepCache cache = cache(backend, "{}", 8)) {
        for (int step = 0; step < 8; step++) {
          Blocks blocks = new Blocks("blocks", 6, ForwardPattern.PATTERN_0, 0.5, 1);
          cache.begin(step, 500, "transformer", "cond");
          cache.run(blocks);
          Blocks plain = new Blocks("blocks", 6, ForwardPattern.PATTERN_0, 0.5, 1);
          BlockRunner.ALL.run(plain);
          assertArrayEquals(plain.streams(), blocks.streams(), 1e-5f);
        }
        assertTrue(cache.summary().cached() > 2, cache.summary().toString());
      }
    }
  }

  @Test
  void requestsThatFollowOneAnotherAreAlikeWhateverRanBetween() {
    String json = "{\"max_warmup_steps\": 2, \"residual_diff_threshold\": 0.03}";
    List<List<float[]>> results = new ArrayList<>();
    List<Map<String, String>> strings = new ArrayList<>();
    for (double start : new double[] {1, 40, 1}) {
      try (StepCache cache = cache("cache_dit", json, 12)) {
        results.add(run(Optional.of(cache), ForwardPattern.PATTERN_0, 12, start));
        strings.add(cache.summary().steps());
      }
    }
    assertEquals(strings.getFirst(), strings.getLast());
    assertSame(results.getFirst(), results.getLast());
    assertTrue(strings.getFirst().get("transformer.blocks cond").contains("C"), strings + "");
  }

  @Test
  void listsBranchesAndTransformersHaveCachesOfTheirOwn() {
    String json = "{\"max_warmup_steps\": 2, \"residual_diff_threshold\": 1}";
    try (StepCache cache =
        new StepCache(
            CacheConfigReader.read("cache_dit", json).orElseThrow(),
            new StepCache.Model("WanPipeline", Map.of("transformer", 4, "transformer_2", 6)),
            RankMeans.ALONE)) {
      for (int step = 0; step < 10; step++) {
        cache.begin(step, 1, step < 4 ? "transformer" : "transformer_2", "cond");
        cache.run(new Blocks("double", 3, ForwardPattern.PATTERN_0, 1, 1));
        cache.run(new Blocks("single", 4, ForwardPattern.PATTERN_3, 1, 1));
      }
      assertEquals(
          Map.of(
              "transformer.double cond", "..CC",
              "transformer.single cond", "..CC",
              "transformer_2.double cond", "..CCC.",
              "transformer_2.single cond", "..CCC."),
          cache.summary().steps());
    }
  }

  @Test
  void anEnablerFoundByThePipelinesNameDecidesListByList() {
    String json = "{\"max_warmup_steps\": 1, \"residual_diff_threshold\": 1}";
    for (String pipeline : List.of(TwoListsEnabler.PIPELINE, "WanPipeline")) {
      try (StepCache cache =
          new StepCache(
              CacheConfigReader.read("cache_dit", json).orElseThrow(),
              StepCache.Model.of(pipeline, 2),
              RankMeans.ALONE)) {
        Blocks first = new Blocks("double", 6, ForwardPattern.PATTERN_0, 1, 1);
        Blocks second = new Blocks("single", 6, ForwardPattern.PATTERN_3, 1, 1);
        for (int step = 0; step < 2; step++) {
          first = new Blocks("double", 6, ForwardPattern.PATTERN_0, 1, 1);
          second = new Blocks("single", 6, ForwardPattern.PATTERN_3, 1, 1);
          cache.begin(step, 1, "transformer", "cond");
          cache.run(first);
          cache.run(second);
        }
        assertEquals(List.of(0), first.ran, pipeline);
        assertEquals(
            pipeline.equals("WanPipeline") ? List.of(0) : List.of(0, 1, 2, 5),
            second.ran,
            pipeline);
      }
    }
  }

  @Test
  void theNegativeBranchUsesThePositiveOnesDifferenceIfAsked() {
    for (boolean own : new boolean[] {true, false}) {
      String json =
          "{\"max_warmup_steps\": 1, \"residual_diff_threshold\": 0.05,"
              + " \"max_continuous_cached_steps\": -1, \"cfg_diff_compute_separate\": "
              + own
              + "}";
      try (StepCache cache = cache("cache_dit", json, 6)) {
        for (int step = 0; step < 6; step++) {
          cache.begin(step, 1, "transformer", "cond");
          cache.run(new Blocks("blocks", 6, ForwardPattern.PATTERN_2, 1, 1));
          cache.begin(step, 1, "transformer", "uncond");
          cache.run(new Blocks("blocks", 6, ForwardPattern.PATTERN_2, Math.pow(3, step), 1));
        }
        assertEquals(".CCCCC", cache.summary().steps().get("transformer.blocks cond"));
        assertEquals(
            !own, cache.summary().steps().get("transformer.blocks uncond").equals(".CCCCC"));
      }
    }
  }

  @Test
  void aHintForgetsEverythingOnceOrAgain() {
    for (String policy : List.of("once", "repeat")) {
      String json =
          "{\"max_warmup_steps\": 1, \"residual_diff_threshold\": 1,"
              + " \"max_continuous_cached_steps\": -1, \"force_refresh_step_hint\": 4,"
              + " \"force_refresh_step_policy\": \""
              + policy
              + "\"}";
      try (StepCache cache = cache("cache_dit", json, 12)) {
        run(Optional.of(cache), ForwardPattern.PATTERN_2, 12, 1);
        assertEquals(
            policy.equals("once") ? ".CCC.CCCCCCC" : ".CCC.CCC.CCC",
            cache.summary().steps().get("transformer.blocks cond"));
      }
    }
  }

  @Test
  void teaCacheAndMagCacheSkipAllBlocksAndAddTheWholeResidual() {
    String tea = "{\"rel_l1_thresh\": 0.2, \"coefficients\": [0, 0, 0, 1, 0]}";
    String mag = "{\"mag_ratios\": [1, 1]}";
    for (StepCache cache : List.of(cache("tea_cache", tea, 10), cache("mag_cache", mag, 10))) {
      try (cache) {
        List<float[]> results = run(Optional.of(cache), ForwardPattern.PATTERN_0, 10, 1);
        String cond = cache.summary().steps().get("transformer.blocks cond");
        assertTrue(cond.startsWith(".") && cond.contains("C"), cond);
        assertEquals(cond, cache.summary().steps().get("transformer.blocks uncond"));
        List<float[]> plain = run(Optional.empty(), ForwardPattern.PATTERN_0, 10, 1);
        for (int call = 0; call < results.size(); call++) {
          boolean cached = cond.charAt(call / 2) == 'C';
          assertEquals(!cached, Arrays.equals(plain.get(call), results.get(call)), "call " + call);
        }
      }
    }
  }

  @Test
  void aTinyThresholdMakesTeaCacheCompute() {
    String tea = "{\"rel_l1_thresh\": 1e-12, \"coefficients\": [0, 0, 0, 1, 0]}";
    try (StepCache cache = cache("tea_cache", tea, 10)) {
      assertSame(
          run(Optional.empty(), ForwardPattern.PATTERN_0, 10, 1),
          run(Optional.of(cache), ForwardPattern.PATTERN_0, 10, 1));
      assertEquals(0, cache.summary().cached());
    }
  }

  @Test
  void magCacheMeasuresRatiosThatItCanUse() {
    List<Double> ratios;
    try (StepCache cache = cache("mag_cache", "{\"mag_calibrate\": true}", 10)) {
      assertSame(
          run(Optional.empty(), ForwardPattern.PATTERN_0, 10, 1),
          run(Optional.of(cache), ForwardPattern.PATTERN_0, 10, 1));
      ratios = cache.summary().measured().orElseThrow().values();
    }
    assertEquals(10, ratios.size());
    assertEquals(1, ratios.getFirst());
    assertTrue(ratios.stream().skip(1).allMatch(ratio -> ratio > 0.8 && ratio < 1), ratios + "");
  }

  @Test
  void teaCacheMeasuresCoefficientsThatItCanUse() {
    String json;
    try (StepCache cache = cache("tea_cache", "{\"tea_calibrate\": true}", 12)) {
      assertSame(
          run(Optional.empty(), ForwardPattern.PATTERN_0, 12, 1),
          run(Optional.of(cache), ForwardPattern.PATTERN_0, 12, 1));
      CacheSummary.Measured measured = cache.summary().measured().orElseThrow();
      assertTrue(measured.quality().startsWith("22 changes between steps"), measured.quality());
      json = measured.json().replaceFirst("}$", ", \"rel_l1_thresh\": 1e9}");
    }
    try (StepCache cache = cache("tea_cache", json, 12)) {
      run(Optional.of(cache), ForwardPattern.PATTERN_0, 12, 1);
      assertEquals(22, cache.summary().cached());
    }
  }

  @Test
  void attentionIsBroadcastWithinTheRangeOfTimesteps() {
    try (StepCache cache = cache("pab", "{\"spatial_attention_block_skip_range\": 3}", 12)) {
      StringBuilder computed = new StringBuilder();
      float[] last = {0};
      for (int step = 0; step < 12; step++) {
        cache.begin(step, 1000 - 80 * step, "transformer", "cond");
        boolean[] ran = {false};
        try (INDArray out =
            cache.attention(
                BlockRunner.Attention.SELF,
                0,
                () -> {
                  ran[0] = true;
                  return ramp(last[0]);
                })) {
          computed.append(ran[0] ? '.' : 'C');
          assertEquals(last[0], NdMemory.floats(out)[0]);
        }
        try (INDArray cross = cache.attention(BlockRunner.Attention.CROSS, 0, () -> ramp(1))) {
          assertFalse(cross.wasClosed());
        }
      }
      // Timesteps 1000, 920, 840 are outside; then every third iteration is computed.
      assertEquals("....CC.CC.CC".substring(0, 12), computed.toString());
      assertEquals(6, cache.summary().cached());
    }
  }

  @Test
  void moreBlocksThanThereAreAndMasksOfAnotherLengthAreNamed() {
    try (StepCache cache = cache("cache_dit", "{\"Fn_compute_blocks\": 7}", 5)) {
      cache.begin(0, 1, "transformer", "cond");
      assertEquals(
          "Fn_compute_blocks + Bn_compute_blocks must be at most the transformer's blocks (6), got"
              + " 7 + 0: with 6 + 0 every block runs",
          assertThrows(
                  MalformedFileException.class,
                  () -> cache.run(new Blocks("blocks", 6, ForwardPattern.PATTERN_2, 1, 1)))
              .getMessage());
    }
    assertEquals(
        "the step mask must have as many digits as there are steps (5), got 3",
        assertThrows(
                MalformedFileException.class,
                () -> cache("cache_dit", "{\"steps_computation_mask\": \"100\"}", 5))
            .getMessage());
    assertThrows(MalformedFileException.class, () -> cache("tea_cache", "{}", 5));
  }

  @Test
  void aForecastIsExactForLinesAndParabolas() {
    for (int order : new int[] {1, 2}) {
      Forecast forecast = new Forecast(order);
      IntStream.of(0, 1, 2, 3, 4)
          .forEach(step -> forecast.update(step, new ArrayTokens(at(order, step))));
      for (int step = 5; step < 8; step++) {
        INDArray stream = ramp(0).muli(0);
        forecast.addTo(new ArrayTokens(stream), step);
        // A divided difference is the derivative half a step earlier, which a parabola shows.
        double expected =
            order == 1
                ? 3 + 2. * step
                : 3 + 16 + (step - 4) * 7. + (step - 4) * (step - 4) * 2 / 2.;
        assertEquals(expected, stream.getDouble(0), 1e-4, order + " " + step);
      }
      forecast.close();
    }
  }

  private static INDArray at(int order, int step) {
    return ramp(0).muli(0).addi(order == 1 ? 3 + 2 * step : 3 + step * step);
  }

  @Test
  void theCalibratedPolynomialIsTheOneThatThePointsLieOn() {
    List<Double> truth = List.of(-450., 280., -45., 3.2, -0.02);
    List<TeaCalibration.Point> points =
        IntStream.rangeClosed(1, 12)
            .mapToObj(i -> 0.02 * i)
            .map(x -> new TeaCalibration.Point(x, TeaCacheDecision.polynomial(truth, x)))
            .toList();
    List<Double> fitted = TeaCalibration.fit(points);
    for (int i = 0; i < truth.size(); i++) {
      assertEquals(truth.get(i), fitted.get(i), 1e-6 * Math.abs(truth.get(i)) + 1e-9);
    }
    assertTrue(TeaCalibration.distance(points, fitted) < 1e-9);
    assertThrows(IllegalArgumentException.class, () -> TeaCalibration.fit(points.subList(0, 4)));
  }
}
