// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.pipeline.Capability;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DenoisingLoop;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.MemoryNeed;
import org.lvsa.toolkit.pipeline.PipelineDefaults;
import org.lvsa.toolkit.pipeline.ResumeFile.State;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.schedulers.Scheduler;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Text to video with a Wan model (Wan team 2025): the prompts are encoded, noise is denoised step
 * by step with the transformer, and the VAE decodes the latents to frames.
 */
public final class WanPipeline implements VideoPipeline {
  private final WanModel model;

  /**
   * A pipeline.
   *
   * @param model closed together with the pipeline
   */
  WanPipeline(WanModel model) {
    this.model = model;
  }

  @Override
  public String className() {
    return WanPipelineType.CLASS;
  }

  @Override
  public Set<Capability> capabilities() {
    return EnumSet.of(Capability.FLOW_SHIFT, Capability.IMAGE_OUTPUT);
  }

  @Override
  public PipelineDefaults defaults() {
    return new PipelineDefaults(model.defaultResolution(), 81, 50, 5, 16);
  }

  @Override
  public Map<String, Integer> geometry() {
    WanConfig config = model.config();
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put("layers", config.layers());
    sizes.put("heads", config.heads());
    sizes.put("head_dim", config.headDim());
    sizes.put("feed_forward", config.feedForward());
    sizes.put("text_width", config.textWidth());
    return sizes;
  }

  @Override
  public LatentSize latents(VideoSize size) {
    return model.latents(size);
  }

  @Override
  public AttendedVideo attended(VideoSize size) {
    return new AttendedVideo("wan", model.latents(size).frames());
  }

  @Override
  public Map<Setting<?>, String> attentionDefaults(GenerationSettings settings) {
    return model.attentionDefaults(settings);
  }

  @Override
  public List<MemoryNeed> memory(GenerationSettings settings, Optional<Tiling> tiling, int ranks) {
    return model.memory(settings, tiling, ranks);
  }

  @Override
  public Denoising prepare(GenerationSettings settings) {
    return new Encoded(model, settings, model.prompts().encode(settings.prompts()));
  }

  /**
   * A generation whose prompts are encoded.
   *
   * @param embeddings of its prompts, closed together with this
   */
  private record Encoded(WanModel model, GenerationSettings settings, PromptEmbeddings embeddings)
      implements Denoising {
    @Override
    public float[] run(GenerationAttention attention, Optional<State> from, StepReceiver receiver) {
      LatentSize shape = model.latents(settings.size());
      Scheduler scheduler = scheduler().start(settings.steps());
      from.ifPresent(state -> scheduler.resume(state.history()));
      from.ifPresent(
          state ->
              attention.goOn(
                  model.config().layers(),
                  (long) state.history().done() * settings.guidance().passes()));
      float[] start = from.map(State::latents).orElseGet(() -> settings.start().of(shape));
      DenoisingLoop loop =
          new DenoisingLoop(
              (step, branches, latents, timestep) -> {
                attention.begin(step, timestep, branches);
                return velocity(latents, timestep, branches, attention);
              },
              scheduler,
              shape,
              settings.guidance());
      return loop.run(start, (step, latents) -> receiver.accept(step, latents, scheduler::history));
    }

    private INDArray velocity(
        INDArray latents,
        float timestep,
        List<DenoisingLoop.Branch> branches,
        GenerationAttention attention) {
      try (INDArray text = embeddings.of(branches)) {
        return model.transformer().predict(latents, timestep, text, attention);
      }
    }

    /** The scheduler's settings, with the shift that is asked for. */
    private SchedulerConfig scheduler() {
      return settings.flowShift().isPresent()
          ? model.scheduler().withShift(settings.flowShift().getAsDouble())
          : model.scheduler();
    }

    @Override
    public Denoising forAnotherRank() {
      return new Encoded(model.forAnotherRank(), settings, embeddings);
    }

    @Override
    public void close() {
      embeddings.close();
    }
  }

  @Override
  public void decode(VideoSize size, float[] latents, Optional<Tiling> tiling, FrameSink sink) {
    float[] denormalised = model.vae().denormalise(latents);
    LatentSize latentSize = model.latents(size);
    if (tiling.isPresent()) {
      model.vae().decodeTiled(denormalised, latentSize, tiling.get(), sink);
    } else {
      model.vae().decode(denormalised, latentSize, sink);
    }
  }

  /** The model, with what it is made of in words where its weights are random. */
  @Override
  public String toString() {
    return model.toString();
  }

  @Override
  public void close() {
    model.close();
  }
}
