// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.lvsa.toolkit.pipeline.ResumeFile.State;
import org.lvsa.toolkit.schedulers.History;
import org.lvsa.toolkit.schedulers.Scheduler;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Text to video with a Wan model (Wan team 2025): the prompts are encoded, noise is denoised step
 * by step with the transformer, and the VAE decodes the latents to frames. The three parts are
 * methods of their own, so that a caller can use one part's result twice.
 */
public final class WanPipeline {
  private final WanModel model;

  /**
   * A pipeline.
   *
   * @param model stays the caller's to close
   */
  public WanPipeline(WanModel model) {
    this.model = model;
  }

  /** Takes a step's result. */
  @FunctionalInterface
  public interface StepReceiver {
    /**
     * A step is done.
     *
     * @param step its number, from 0
     * @param latents the sample after it, not to be changed
     * @param history what the scheduler remembers after it
     */
    void accept(int step, float[] latents, Supplier<History> history);
  }

  /** Embeddings of the prompts, which the caller closes. */
  public PromptEmbeddings encode(GenerationSettings.Prompts prompts) {
    return model.prompts().encode(prompts);
  }

  /**
   * Denoises.
   *
   * @param settings what is asked for
   * @param embeddings of its prompts
   * @param attention of the video's tokens
   * @param from where an earlier run of the same settings stopped; empty to begin with noise
   * @param receiver takes each step's result
   * @return the clean latents
   */
  public float[] denoise(
      GenerationSettings settings,
      PromptEmbeddings embeddings,
      GenerationAttention attention,
      Optional<State> from,
      StepReceiver receiver) {
    LatentSize shape = model.latents(settings.size());
    Scheduler scheduler = scheduler(settings).start(settings.steps());
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
              attention.begin(step, branches);
              return velocity(latents, timestep, embeddings, branches, attention);
            },
            scheduler,
            shape,
            settings.guidance());
    return loop.run(start, (step, latents) -> receiver.accept(step, latents, scheduler::history));
  }

  private INDArray velocity(
      INDArray latents,
      float timestep,
      PromptEmbeddings embeddings,
      List<DenoisingLoop.Branch> branches,
      GenerationAttention attention) {
    try (INDArray text = embeddings.of(branches)) {
      return model.transformer().predict(latents, timestep, text, attention);
    }
  }

  /**
   * Decodes latents to frames, some at a time.
   *
   * @param latents clean ones, as {@link #denoise} gives them
   * @param tiling how large frames are cut into tiles; empty to decode them whole
   * @param sink takes the frames in order
   */
  public void decode(VideoSize size, float[] latents, Optional<Tiling> tiling, FrameSink sink) {
    float[] denormalised = model.vae().denormalise(latents);
    LatentSize latentSize = model.latents(size);
    if (tiling.isPresent()) {
      model.vae().decodeTiled(denormalised, latentSize, tiling.get(), sink);
    } else {
      model.vae().decode(denormalised, latentSize, sink);
    }
  }

  /** The scheduler's settings, with the shift that is asked for. */
  private SchedulerConfig scheduler(GenerationSettings settings) {
    return settings.flowShift().isPresent()
        ? model.scheduler().withShift(settings.flowShift().getAsDouble())
        : model.scheduler();
  }

  /** The pipeline classes that are known. */
  public static List<String> classes() {
    return List.of("WanPipeline");
  }

  /** The scheduler classes that are known, sorted. */
  static List<String> schedulerClasses() {
    return List.copyOf(new TreeSet<>(SchedulerConfig.KNOWN.keySet()));
  }
}
