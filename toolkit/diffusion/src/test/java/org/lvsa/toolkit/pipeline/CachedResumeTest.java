// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.cache.CacheConfigReader;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.model.Resolution;

/** Runs with a step cache that are cut off, and go on to the identical result. */
class CachedResumeTest {
  private static final int STEPS = 8;

  @TempDir private static Path shared;
  private static VideoPipeline pipeline;
  private static Denoising denoising;

  @TempDir private Path directory;

  @BeforeAll
  static void open() throws IOException {
    pipeline =
        Pipelines.open(
            ModelFolder.open(GoldenRun.wanModel(shared), Map.of()), Optional.empty(), false);
    denoising = pipeline.prepare(settings());
  }

  @AfterAll
  static void close() {
    denoising.close();
    pipeline.close();
  }

  private static GenerationSettings settings() {
    return new GenerationSettings(
        new GenerationSettings.Prompts("Horses gallop", "static"),
        new VideoSize(new Resolution(32, 32), 9),
        STEPS,
        new GuidanceSettings(4, false),
        OptionalDouble.of(5),
        new StartingLatents.Seed(7));
  }

  private VideoRun.Denoised run(
      String backend, String config, boolean resume, VideoRun.Listener listener) {
    GenerationAttention.Settings how =
        new GenerationAttention.Settings(
            TestConfig.of(Map.of("LVSA_BACKEND", "vector")),
            StepCounting.EXAMPLES,
            KernelOptions.DEFAULT,
            Optional.empty(),
            CacheConfigReader.read(backend, config));
    VideoRun run = new VideoRun(pipeline, settings(), how, listener);
    VideoRun.Saving saving =
        new VideoRun.Saving(
            Optional.of(1),
            resume,
            directory.resolve("state.safetensors"),
            Map.of("cache", backend + config));
    return run.denoise(denoising, saving, false);
  }

  /** Ends a run after that many steps. */
  private record Cut(int steps) implements VideoRun.Listener {
    @Override
    public void stepDone(int step) {
      if (step + 1 == steps) {
        throw new CancellationException("cut off");
      }
    }
  }

  @Test
  void aRunGoesOnToTheIdenticalResult() {
    goesOn("cache_dit", "{\"residual_diff_threshold\": 1, \"max_warmup_steps\": 2}");
  }

  @Tag("full")
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "cache_dit|{\"residual_diff_threshold\": 0.99, \"max_warmup_steps\": 3, \"enable_taylorseer\":"
            + " true, \"taylorseer_order\": 2, \"cfg_diff_compute_separate\": false}",
        "cache_dit|{\"residual_diff_threshold\": 1, \"max_warmup_steps\": 1,"
            + " \"force_refresh_step_hint\": 4}",
        "first_block|{\"threshold\": 5}",
        "tea_cache|{\"coefficients\": [0, 0, 0, 1, 0], \"rel_l1_thresh\": 0.5}",
        "mag_cache|{\"mag_ratios\": [1, 0.98], \"retention_ratio\": 0.3}",
        "pab|{\"spatial_attention_block_skip_range\": 3}"
      })
  void everyCacheGoesOnToTheIdenticalResult(String backend, String config) {
    goesOn(backend, config);
  }

  private void goesOn(String backend, String config) {
    VideoRun.Denoised whole = run(backend, config, false, VideoRun.Listener.NONE);
    assertTrue(whole.cache().orElseThrow().cached() > 0, "nothing was cached");
    assertThrows(CancellationException.class, () -> run(backend, config, false, new Cut(4)));
    VideoRun.Denoised resumed = run(backend, config, true, VideoRun.Listener.NONE);
    assertArrayEquals(whole.latents(), resumed.latents());
    assertEquals(whole.cache(), resumed.cache());
  }

  @Test
  void aRunThatCalibratesIsNotSaved() {
    String said =
        assertThrows(
                IllegalArgumentException.class,
                () -> run("tea_cache", "{\"tea_calibrate\": true}", false, VideoRun.Listener.NONE))
            .getMessage();
    assertTrue(said.contains("leave --save-every out"), said);
  }
}
