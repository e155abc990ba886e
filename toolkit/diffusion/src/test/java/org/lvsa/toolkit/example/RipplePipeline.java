// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.example;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.pipeline.Capability;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DenoisingLoop;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.PipelineDefaults;
import org.lvsa.toolkit.pipeline.PromptEmbeddings;
import org.lvsa.toolkit.pipeline.ResumeFile;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.schedulers.Scheduler;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.text.PromptEncoder;
import org.lvsa.toolkit.vae.AutoencoderKlWan;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Text to video with Ripple. */
public final class RipplePipeline implements VideoPipeline {
  private final RippleTransformer transformer;
  private final AutoencoderKlWan vae;
  private final PromptEncoder prompts;
  private final SchedulerConfig scheduler;

  RipplePipeline(
      RippleTransformer transformer,
      AutoencoderKlWan vae,
      PromptEncoder prompts,
      SchedulerConfig scheduler) {
    this.transformer = transformer;
    this.vae = vae;
    this.prompts = prompts;
    this.scheduler = scheduler;
  }

  @Override
  public String className() {
    return "RipplePipeline";
  }

  @Override
  public Set<Capability> capabilities() {
    return Set.of();
  }

  @Override
  public PipelineDefaults defaults() {
    return new PipelineDefaults(new Resolution(80, 48), 17, 20, 3, 16);
  }

  @Override
  public Map<String, Integer> geometry() {
    return Map.of(
        "layers", transformer.config().layers(),
        "heads", transformer.config().heads(),
        "head_dim", transformer.config().headDim());
  }

  @Override
  public LatentSize latents(VideoSize size) {
    return size.latents(
        new VideoSize.VaeFactors(
            vae.config().latentChannels(),
            vae.config().temporalFactor(),
            vae.config().spatialFactor()),
        RippleConfig.PATCH);
  }

  @Override
  public AttendedVideo attended(VideoSize size) {
    return new AttendedVideo("ripple", latents(size).frames());
  }

  @Override
  public Map<Setting<?>, String> attentionDefaults(GenerationSettings settings) {
    return Map.of(
        Setting.LVSA_REFERENCE_LATENT_FRAMES,
        Integer.toString(transformer.config().trainedFrames()),
        Setting.LVSA_CFG_PASSES,
        Integer.toString(settings.guidance().passes()));
  }

  @Override
  public List<MemoryNeed> memory(GenerationSettings settings, Optional<Tiling> tiling, int ranks) {
    LatentSize size = latents(settings.size());
    long tokens = size.elements() / size.channels() / (RippleConfig.PATCH * RippleConfig.PATCH);
    long width = 12L * transformer.config().width() * Float.BYTES;
    Resolution pixels = settings.size().resolution();
    return List.of(
        new MemoryNeed("denoising", transformer.weights().bytes() + ranks * tokens * width),
        new MemoryNeed(
            "decoding",
            AutoencoderKlWan.decodeBytes(vae.config(), pixels.height(), pixels.width())));
  }

  @Override
  public Denoising prepare(GenerationSettings settings) {
    List<String> texts = List.of(settings.prompts().prompt(), settings.prompts().negative());
    return new Encoded(this, settings, new PromptEmbeddings(prompts.encode(texts)));
  }

  private record Encoded(
      RipplePipeline pipeline, GenerationSettings settings, PromptEmbeddings embeddings)
      implements Denoising {
    @Override
    public float[] run(
        GenerationAttention attention, Optional<ResumeFile.State> from, StepReceiver receiver) {
      LatentSize shape = pipeline.latents(settings.size());
      Scheduler scheduler = pipeline.scheduler.start(settings.steps());
      from.ifPresent(state -> scheduler.resume(state.history()));
      from.ifPresent(
          state ->
              attention.goOn(
                  pipeline.transformer.config().layers(),
                  state.history().done(),
                  settings.steps(),
                  settings.guidance()));
      DenoisingLoop loop =
          new DenoisingLoop(
              (step, branches, latents, timestep) -> {
                attention.begin(step, timestep, branches);
                try (INDArray text = embeddings.of(branches)) {
                  return pipeline.transformer.predict(latents, timestep, text, attention);
                }
              },
              scheduler,
              shape,
              settings.guidance(),
              attention.guidanceRanks());
      return loop.run(
          from.map(ResumeFile.State::latents).orElseGet(() -> settings.start().of(shape)),
          (step, latents) -> receiver.accept(step, latents, scheduler::history));
    }

    @Override
    public Denoising forRank(RankPlace place) {
      // The transformer keeps nothing between two calls, so ranks of one JVM can share it.
      return this;
    }

    @Override
    public void close() {
      embeddings.close();
    }
  }

  @Override
  public void decode(VideoSize size, float[] latents, Optional<Tiling> tiling, FrameSink sink) {
    float[] own = vae.denormalise(latents);
    if (tiling.isPresent()) {
      vae.decodeTiled(own, latents(size), tiling.get(), sink);
    } else {
      vae.decode(own, latents(size), sink);
    }
  }

  @Override
  public void close() {
    transformer.close();
    vae.close();
    prompts.close();
  }
}
