// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.DenoisingLoop;
import org.lvsa.toolkit.pipeline.DenoisingLoop.Branch;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.TextMask;
import org.lvsa.toolkit.pipeline.ResumeFile.State;
import org.lvsa.toolkit.schedulers.FlowMatchEulerConfig;
import org.lvsa.toolkit.schedulers.Scheduler;
import org.lvsa.toolkit.vae.LatentSize;

/**
 * A generation whose prompts and picture are encoded.
 *
 * @param encoded closed together with this
 */
record HunyuanDenoising(HunyuanModel model, GenerationSettings settings, Encoded encoded)
    implements Denoising {
  /**
   * What the model is told.
   *
   * @param texts the prompt, and behind it the negative prompt where it is needed
   * @param picture that the video begins with
   */
  record Encoded(List<TextEmbeddings> texts, Optional<PictureCondition> picture) {
    TextEmbeddings text(Branch branch) {
      return branch == Branch.COND ? texts.getFirst() : texts.getLast();
    }
  }

  @Override
  public float[] run(GenerationAttention attention, Optional<State> from, StepReceiver receiver) {
    LatentSize shape = model.latents(settings.size());
    Scheduler scheduler = scheduler().start(sigmas(settings.steps()));
    from.ifPresent(state -> scheduler.resume(state.history()));
    from.ifPresent(
        state ->
            attention.goOn(
                model.transformer().config().layers(),
                state.history().done(),
                settings.steps(),
                settings.guidance()));
    float[] start = from.map(State::latents).orElseGet(() -> settings.start().of(shape));
    boolean padding = padding(attention);
    DenoisingLoop loop =
        new DenoisingLoop(
            (step, branches, latents, timestep) -> {
              attention.begin(step, timestep, branches);
              List<TextEmbeddings> texts = branches.stream().map(encoded::text).toList();
              return model
                  .transformer()
                  .predict(
                      new Sample(latents, timestep, next(scheduler, step)),
                      new Conditions(texts, encoded.picture(), padding),
                      attention);
            },
            scheduler,
            shape,
            settings.guidance(),
            attention.guidanceRanks());
    return loop.run(start, (step, latents) -> receiver.accept(step, latents, scheduler::history));
  }

  /**
   * The time step that a step goes to, 0 from the last one. The published pipeline for text alone
   * does not tell it, even to a transformer that was trained to know it.
   */
  private Optional<Float> next(Scheduler scheduler, int step) {
    if (encoded.picture().isEmpty()) {
      return Optional.empty();
    }
    float[] timesteps = scheduler.schedule().timesteps();
    return Optional.of(step + 1 < timesteps.length ? timesteps[step + 1] : 0);
  }

  /**
   * Whether the padding behind the texts attends too. Dense attention masks it in the published
   * code as well.
   */
  private boolean padding(GenerationAttention attention) {
    if (!attention.isSparse()) {
      return false;
    }
    boolean published = settings.inputs().textMask() == TextMask.PUBLISHED;
    attention.say(
        published
            ? "[LVSA] text mask: the texts' padding attends, as in the published code"
            : "[LVSA] text mask: the texts' padding is left out; the published code lets it"
                + " attend, as --text-mask published does");
    return published;
  }

  /** Noise levels before the shift: even steps from 1 to 0, without the 0. */
  private static float[] sigmas(int steps) {
    float[] sigmas = new float[steps];
    for (int i = 0; i < steps; i++) {
      sigmas[i] = (float) (1 + i * (-1.0 / steps));
    }
    return sigmas;
  }

  /** The scheduler's settings, with the shift that is asked for. */
  private FlowMatchEulerConfig scheduler() {
    return settings.flowShift().isPresent()
        ? model.scheduler().withShift(settings.flowShift().getAsDouble())
        : model.scheduler();
  }

  @Override
  public Denoising forRank(RankPlace place) {
    return new HunyuanDenoising(model.forRank(place), settings, encoded);
  }

  @Override
  public void close() {
    encoded.texts().forEach(TextEmbeddings::close);
    encoded.picture().ifPresent(PictureCondition::close);
  }
}
