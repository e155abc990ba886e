// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.random.RandomGenerator;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.cache.CacheConfigReader;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.hunyuan.TinyHunyuan;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.offload.OffloadMode;
import org.lvsa.toolkit.vision.Picture;

/**
 * Every step cache with every model that there is: what computes everything changes nothing, what a
 * run gives does not depend on the runs before it, and weights that are let go change nothing.
 */
@Tag("full")
class CachedModelsTest {
  private static final Path MODELS = Path.of("../../../shared/golden/pipelines");
  private static final int STEPS = 6;

  /** Caches that compute every step. */
  private static final Map<String, List<String>> COMPUTING =
      Map.of(
          "cache_dit",
          List.of(
              "{\"residual_diff_threshold\": 0}",
              "{\"steps_computation_mask\": \"111111\", \"residual_diff_threshold\": 1}",
              "{\"max_warmup_steps\": 6, \"residual_diff_threshold\": 1}"),
          "tea_cache",
          List.of("{\"coefficients\": [0, 0, 0, 0, 1], \"rel_l1_thresh\": 1e-9}"),
          "first_block",
          List.of("{\"threshold\": 0}"),
          "mag_cache",
          List.of("{\"mag_ratios\": [1], \"retention_ratio\": 1}"),
          "pab",
          List.of("{\"spatial_attention_block_skip_range\": 1}"));

  /** Caches that skip steps, whatever the model. */
  private static final Map<String, String> SKIPPING =
      Map.of(
          "cache_dit", "{\"residual_diff_threshold\": 1, \"max_warmup_steps\": 2}",
          "tea_cache", "{\"coefficients\": [0, 0, 0, 1, 0], \"rel_l1_thresh\": 9}",
          "first_block", "{\"threshold\": 9}",
          "mag_cache", "{\"mag_ratios\": [1], \"retention_ratio\": 0.3}",
          "pab", "{\"spatial_attention_block_skip_range\": 2}");

  @TempDir private Path directory;

  /** A model, and the videos that it makes here. */
  private final class Made implements AutoCloseable {
    private final VideoPipeline pipeline;
    private final Resolution size;
    private final Optional<Picture> picture;

    Made(String model, String resolution) throws IOException {
      Assumptions.assumeTrue(Files.isDirectory(MODELS), "skipped: no golden data");
      Path folder =
          model.startsWith("hunyuan15_i2v")
              ? TinyHunyuan.unpackWithPicture(directory.resolve("models"))
              : MODELS.resolve(model);
      pipeline = Pipelines.open(ModelFolder.open(folder, Map.of()), Optional.empty(), false);
      size = Resolution.parse(resolution);
      picture = picture();
    }

    private Optional<Picture> picture() throws IOException {
      if (!pipeline.className().contains("ImageToVideo")) {
        return Optional.empty();
      }
      Path file = directory.resolve("picture.png");
      ImageIO.write(
          new BufferedImage(size.width(), size.height(), BufferedImage.TYPE_INT_RGB),
          "png",
          file.toFile());
      return Optional.of(Picture.read(file));
    }

    VideoRun.Denoised run(VideoPipeline with, long seed, String backend, String config) {
      GenerationSettings settings =
          new GenerationSettings(
              new GenerationSettings.Prompts("A cat walks", "static"),
              new VideoSize(size, 9),
              STEPS,
              new GuidanceSettings(3, false),
              OptionalDouble.empty(),
              new StartingLatents.Seed(seed),
              new GenerationSettings.Inputs(
                  picture, Optional.empty(), Optional.empty(), GenerationSettings.TextMask.MASKED));
      GenerationAttention.Settings how =
          new GenerationAttention.Settings(
              TestConfig.of(Map.of("LVSA_BACKEND", "vector")),
              StepCounting.EXAMPLES,
              KernelOptions.DEFAULT,
              Optional.empty(),
              CacheConfigReader.read(backend, config));
      try (Denoising denoising = with.prepare(settings)) {
        return new VideoRun(with, settings, how, VideoRun.Listener.NONE)
            .denoise(denoising, VideoRun.Saving.none(), false);
      }
    }

    @Override
    public void close() {
      pipeline.close();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "wan/model, 48x32",
    "wan_i2v/model, 48x32",
    "wan22/a14b/model, 48x32",
    "wan22/ti2v5b/model, 96x64",
    "hunyuan15/model, 96x64",
    "hunyuan15_i2v/model, 96x64",
    "cogvideox/model, 48x32"
  })
  void everyCacheKeepsItsPromises(String model, String resolution) throws IOException {
    long seed = RandomGenerator.getDefault().nextLong(1_000_000);
    try (Made made = new Made(model, resolution)) {
      VideoPipeline plain = made.pipeline;
      float[] exact = made.run(plain, seed, "none", "").latents();
      for (String backend : COMPUTING.keySet()) {
        String where = model + " " + backend + ", seed " + seed;
        for (String config : COMPUTING.get(backend)) {
          if (model.contains("a14b") && config.contains("mask")) {
            continue; // A written mask is as long as one transformer's steps, of which it has two.
          }
          VideoRun.Denoised all = made.run(plain, seed, backend, config);
          assertEquals(0, all.cache().orElseThrow().cached(), where + config);
          assertArrayEquals(exact, all.latents(), where + config);
        }
        String skipping = SKIPPING.get(backend);
        VideoRun.Denoised first = made.run(plain, seed, backend, skipping);
        assertTrue(first.cache().orElseThrow().cached() > 0, where);
        made.run(plain, seed + 1, backend, skipping);
        VideoRun.Denoised again = made.run(plain, seed, backend, skipping);
        assertEquals(first.cache(), again.cache(), where);
        assertArrayEquals(first.latents(), again.latents(), where);
        // Closing the pipeline that offloads would close the other.
        VideoPipeline offloads = new OffloadedPipeline(plain, OffloadMode.LAYERWISE, line -> {});
        assertArrayEquals(
            first.latents(), made.run(offloads, seed, backend, skipping).latents(), where);
      }
    }
  }
}
