// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.util.Optional;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DenoisingLoop;
import org.lvsa.toolkit.pipeline.DrawnNoise;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.PromptEmbeddings;
import org.lvsa.toolkit.pipeline.ResumeFile.State;
import org.lvsa.toolkit.schedulers.Scheduler;
import org.lvsa.toolkit.vae.LatentSize;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A generation whose prompts are encoded.
 *
 * @param embeddings of its prompts, closed together with this
 */
record CogVideoXDenoising(
    CogVideoXModel model, GenerationSettings settings, PromptEmbeddings embeddings)
    implements Denoising {
  @Override
  public float[] run(GenerationAttention attention, Optional<State> from, StepReceiver receiver) {
    LatentSize shape = model.latents(settings.size());
    Scheduler scheduler = model.scheduler().start(settings.steps(), DrawnNoise.of(settings, shape));
    GuidanceSettings guidance = settings.guidance().inRuns(runs(attention));
    from.ifPresent(state -> scheduler.resume(state.history()));
    from.ifPresent(
        state ->
            attention.goOn(
                model.config().layers(), state.history().done(), settings.steps(), guidance));
    float[] start = from.map(State::latents).orElseGet(() -> settings.start().of(shape));
    DenoisingLoop loop =
        new DenoisingLoop(
            (step, branches, latents, timestep) -> {
              attention.begin(step, timestep, branches);
              try (INDArray text = embeddings.of(branches)) {
                return model.transformer().predict(latents, timestep, text, attention);
              }
            },
            scheduler,
            shape,
            guidance,
            attention.guidanceRanks());
    return loop.run(start, (step, latents) -> receiver.accept(step, latents, scheduler::history));
  }

  /** Runs of the transformer a step: a step cache on a device keeps one text's tokens. */
  private int runs(GenerationAttention attention) {
    boolean cached = attention.blocks().keepsTokens();
    return attention.ranks() > 1 || cached && model.transformer().isOnDevice() ? 2 : 1;
  }

  @Override
  public Denoising forRank(RankPlace place) {
    return new CogVideoXDenoising(model.forRank(place), settings, embeddings);
  }

  @Override
  public void close() {
    embeddings.close();
  }
}
