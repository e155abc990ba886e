// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DenoisingLoop;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.Guidance;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.PromptEmbeddings;
import org.lvsa.toolkit.pipeline.ResumeFile.State;
import org.lvsa.toolkit.schedulers.Scheduler;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.vae.LatentSize;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A generation whose prompts and pictures are encoded.
 *
 * @param encoded what the model is told, closed together with this
 */
record WanDenoising(WanModel model, GenerationSettings settings, Encoded encoded)
    implements Denoising {
  /**
   * What the model is told.
   *
   * @param prompts embeddings of the prompts
   * @param tokens of pictures, {@code [1, tokens, imageWidth]}
   * @param condition what pictures do to the latents
   */
  record Encoded(PromptEmbeddings prompts, Optional<INDArray> tokens, LatentCondition condition)
      implements AutoCloseable {
    @Override
    public void close() {
      prompts.close();
      tokens.ifPresent(INDArray::close);
    }
  }

  @Override
  public float[] run(GenerationAttention attention, Optional<State> from, StepReceiver receiver) {
    LatentSize shape = model.latents(settings.size());
    GuidanceSettings guidance = model.guidance(settings);
    Scheduler scheduler = scheduler().start(settings.steps());
    if (model.parts().transformers().pair()) {
      attention.transformers(stepsPerTransformer(scheduler, guidance));
    }
    from.ifPresent(state -> scheduler.resume(state.history()));
    from.ifPresent(
        state ->
            attention.goOn(
                model.config().layers(), state.history().done(), settings.steps(), guidance));
    float[] start = from.map(State::latents).orElseGet(() -> settings.start().of(shape));
    DenoisingLoop loop =
        new DenoisingLoop(
            (step, branches, latents, timestep) -> {
              String name = model.parts().transformers().name(guidance.isHighNoise(timestep));
              attention.begin(step, timestep, name, branches);
              return velocity(latents, timestep, branches, name, attention);
            },
            scheduler,
            shape,
            guidance,
            attention.guidanceRanks());
    return encoded
        .condition()
        .finish(
            loop.run(start, (step, latents) -> receiver.accept(step, latents, scheduler::history)));
  }

  private Map<String, Integer> stepsPerTransformer(Scheduler scheduler, GuidanceSettings guidance) {
    Map<String, Integer> steps = new LinkedHashMap<>();
    for (float timestep : scheduler.schedule().timesteps()) {
      String name = model.parts().transformers().name(guidance.isHighNoise(timestep));
      steps.merge(name, 1, Integer::sum);
    }
    return steps;
  }

  private INDArray velocity(
      INDArray latents,
      float timestep,
      List<DenoisingLoop.Branch> branches,
      String transformer,
      GenerationAttention attention) {
    Optional<INDArray> tokens =
        encoded.tokens().map(one -> branches.size() == 1 ? one.dup('c') : Guidance.join(one, one));
    try (INDArray text = encoded.prompts().of(branches);
        INDArray input = encoded.condition().input(latents)) {
      float[] timesteps = encoded.condition().timesteps(timestep, branches.size());
      return model
          .parts()
          .transformers()
          .named(transformer)
          .predict(
              new WanTransformer.Input(input, timesteps, text, tokens), attention, Observer.NONE);
    } finally {
      tokens.ifPresent(INDArray::close);
    }
  }

  /** The scheduler's settings, with the shift that is asked for. */
  private SchedulerConfig scheduler() {
    SchedulerConfig own = model.parts().scheduler();
    return settings.flowShift().isPresent()
        ? own.withShift(settings.flowShift().getAsDouble())
        : own;
  }

  @Override
  public Denoising forRank(RankPlace place) {
    return new WanDenoising(model.forRank(place), settings, encoded);
  }

  @Override
  public void close() {
    encoded.close();
  }
}
