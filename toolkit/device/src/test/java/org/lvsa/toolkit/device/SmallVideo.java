// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.cache.CacheConfigReader;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoRun;
import org.lvsa.toolkit.pipeline.VideoSize;

/** A video of four latent frames, on the CPU or with the transformer on a device in float32. */
final class SmallVideo {
  private static final VideoSize SIZE = new VideoSize(new Resolution(32, 48), 13);

  /** Room for any step cache, so that a pipeline compiles once for all of them. */
  private static final int KEPT = 12;

  private SmallVideo() {}

  /**
   * Opens a model.
   *
   * @param residence of the weights on the device; empty for the CPU
   */
  static VideoPipeline open(Path model, Optional<Residence> residence) {
    VideoPipeline pipeline =
        Pipelines.open(ModelFolder.open(model, Map.of()), Optional.empty(), false);
    residence.ifPresent(
        its ->
            pipeline.transformerOnDevice(
                new DeviceChoice("tornado", DType.F32, KernelOptions.DEFAULT)
                    .with(its)
                    .withKept(KEPT)
                    .withOutputs(EnumSet.allOf(BlockRunner.Attention.class)),
                Optional.of(SIZE),
                Progress.NONE));
    return pipeline;
  }

  /**
   * Denoises.
   *
   * @param attention {@code SDPA} or {@code LVSA}
   * @param backend of a step cache
   * @param config of the step cache
   */
  static VideoRun.Denoised run(
      VideoPipeline pipeline, String attention, String backend, String config, int seed) {
    return run(pipeline, attention, backend, config, seed, 3);
  }

  /** As {@link #run}, with a guidance scale. */
  static VideoRun.Denoised run(
      VideoPipeline pipeline,
      String attention,
      String backend,
      String config,
      int seed,
      double guidance) {
    GenerationSettings settings =
        new GenerationSettings(
            new GenerationSettings.Prompts("A cat walks", ""),
            SIZE,
            8,
            new GuidanceSettings(guidance, false),
            OptionalDouble.empty(),
            new StartingLatents.Seed(seed),
            GenerationSettings.Inputs.NONE);
    VideoRun run =
        new VideoRun(
            pipeline,
            settings,
            new GenerationAttention.Settings(
                TestConfig.of(
                    Map.of(
                        "DIFFUSION_ATTENTION_BACKEND", attention,
                        "LVSA_REFERENCE_LATENT_FRAMES", "2",
                        "LVSA_WINDOW_SIZE", "0")),
                StepCounting.EXAMPLES,
                KernelOptions.DEFAULT,
                Optional.empty(),
                CacheConfigReader.read(backend, config)),
            VideoRun.Listener.NONE);
    try (Denoising denoising = pipeline.prepare(settings)) {
      return run.denoise(denoising, VideoRun.Saving.none(), false);
    }
  }
}
