// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How strongly a video follows its prompt.
 *
 * @param scale factor on the difference between the prediction with the prompt and the one with the
 *     negative prompt; guidance is on above 1
 * @param batched whether one run of the model predicts both as a batch, which takes twice the
 *     memory, or two runs do
 * @param second the scale of the second of two transformers, which makes the steps of low noise;
 *     empty for the same scale
 * @param boundaryRatio noise level, as a share of the largest, at which the second of two
 *     transformers takes over; empty for the model's own
 * @param dynamic whether the scale changes with the noise level
 * @param normalised whether the guided prediction is given the length of the one with the prompt
 * @param guider further options, of models that have a guider; then guidance is on at every scale
 *     but the one that changes nothing
 */
public record GuidanceSettings(
    double scale,
    boolean batched,
    OptionalDouble second,
    OptionalDouble boundaryRatio,
    boolean dynamic,
    boolean normalised,
    Optional<Guider> guider) {
  /** Timesteps of pure noise, which a boundary is a share of. */
  public static final int TIMESTEPS = 1000;

  /** The scales are numbers, the ratio is from 0 to 1. */
  public GuidanceSettings {
    requireFinite("guidance scale", scale);
    second.ifPresent(value -> requireFinite("guidance scale 2", value));
    boundaryRatio.ifPresent(
        ratio -> {
          if (!(ratio >= 0 && ratio <= 1)) {
            throw new IllegalArgumentException("boundary ratio must be from 0 to 1, got " + ratio);
          }
        });
  }

  /** One scale for all steps. */
  public GuidanceSettings(double scale, boolean batched) {
    this(
        scale,
        batched,
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        false,
        false,
        Optional.empty());
  }

  /** As published: the guided prediction has the length that comes out. */
  public GuidanceSettings(
      double scale,
      boolean batched,
      OptionalDouble second,
      OptionalDouble boundaryRatio,
      boolean dynamic) {
    this(scale, batched, second, boundaryRatio, dynamic, false, Optional.empty());
  }

  private static void requireFinite(String what, double value) {
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException(what + " must be a finite number, got " + value);
    }
  }

  /** Whether a step can need the negative prompt. */
  public boolean on() {
    if (guider.isPresent()) {
      return guider.get().isOn(scale);
    }
    return Guidance.isOn(scale) || second.isPresent() && Guidance.isOn(second.getAsDouble());
  }

  /**
   * Whether a step needs the negative prompt.
   *
   * @param step its number, from 0
   * @param steps of the generation
   */
  public boolean on(int step, int steps) {
    return guider.map(its -> its.guides(scale, step, steps)).orElseGet(this::on);
  }

  /**
   * The guided prediction of one video.
   *
   * @param timestep the scheduler's
   * @param steps of the generation
   * @return a new tensor
   */
  INDArray combine(INDArray conditional, INDArray unconditional, float timestep, int steps) {
    double now = at(timestep, steps);
    INDArray guided =
        guider.isPresent()
            ? guider.get().combine(conditional, unconditional, now)
            : Guidance.combine(conditional, unconditional, now);
    if (normalised) {
      Guidance.normalise(guided, conditional);
    }
    return guided;
  }

  /**
   * The scale of a step: the second one below the boundary, if there are both. Dynamic guidance is
   * as CogVideoX's published pipeline computes it: {@code 1 + scale · (1 − cos(π · ((steps −
   * timestep) / steps)^5)) / 2}. Timesteps go to 1000 whatever the number of steps, so that the
   * scale goes up and down more than once.
   *
   * @param timestep the scheduler's
   * @param steps of the generation
   */
  public double at(float timestep, int steps) {
    if (second.isPresent() && boundaryRatio.isPresent() && !isHighNoise(timestep)) {
      return second.getAsDouble();
    }
    if (!dynamic) {
      return scale;
    }
    double way = (steps - (double) timestep) / steps;
    return 1 + scale * (1 - Math.cos(Math.PI * Math.pow(way, 5))) / 2;
  }

  /**
   * Whether a step belongs to the first of two transformers: its timestep is not below the
   * boundary.
   *
   * @param timestep the scheduler's, of {@link #TIMESTEPS}
   */
  public boolean isHighNoise(float timestep) {
    return boundaryRatio.isEmpty() || timestep >= boundaryRatio.getAsDouble() * TIMESTEPS;
  }

  /** The same with a boundary between two transformers. */
  public GuidanceSettings withBoundary(double ratio) {
    return new GuidanceSettings(
        scale, batched, second, OptionalDouble.of(ratio), dynamic, normalised, guider);
  }

  /**
   * The same with both predictions of a step in so many runs of the model.
   *
   * @param runs 1 for a batch of both, else 2
   */
  public GuidanceSettings inRuns(int runs) {
    return new GuidanceSettings(
        scale, runs == 1, second, boundaryRatio, dynamic, normalised, guider);
  }

  /** The same with options of a guider. */
  public GuidanceSettings withGuider(Guider other) {
    return new GuidanceSettings(
        scale, batched, second, boundaryRatio, dynamic, normalised, Optional.of(other));
  }

  /** Runs of the model per guided step. */
  public int passes() {
    return on() && !batched ? 2 : 1;
  }

  /**
   * Runs of the model in the first steps together.
   *
   * @param done number of the steps
   * @param steps of the generation
   */
  long passes(int done, int steps) {
    return IntStream.range(0, done).mapToLong(step -> on(step, steps) ? passes() : 1).sum();
  }
}
