// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.util.Arrays;

/**
 * The noise levels that a generation steps through.
 *
 * @param timesteps one per step, what the model is given as its time, from about 1000 down
 * @param sigmas one per step and one more: step {@code i} goes from {@code sigmas[i]} to {@code
 *     sigmas[i + 1]}
 */
public record FlowSchedule(float[] timesteps, float[] sigmas) implements Schedule {
  private static final double NEARLY_ONE = 1e-6;

  /** Checks that there is one sigma more than timesteps. */
  public FlowSchedule {
    if (timesteps.length < 1 || sigmas.length != timesteps.length + 1) {
      throw new IllegalArgumentException(
          "a schedule needs at least one timestep and one sigma more, got "
              + timesteps.length
              + " and "
              + sigmas.length);
    }
  }

  /**
   * Levels of UniPC: even steps from 1 down to one training step, the last left out, shifted. The
   * first is kept a little below 1, where the logarithm of the signal's share is finite; timesteps
   * are whole numbers.
   *
   * @param trainSteps number of timesteps in training, 1000 for the published models
   * @param lastIsZero whether the last sigma is 0, else it repeats the one before
   */
  static FlowSchedule multistep(int steps, double shift, int trainSteps, boolean lastIsZero) {
    Steps.checkCount(steps);
    float[] timesteps = new float[steps];
    float[] sigmas = new float[steps + 1];
    double last = 1.0 / trainSteps;
    for (int i = 0; i < steps; i++) {
      double sigma = shifted(between(1, last, i, steps + 1), shift);
      if (i == 0 && Math.abs(sigma - 1) < NEARLY_ONE) {
        sigma -= NEARLY_ONE;
      }
      timesteps[i] = (long) (trainSteps * sigma);
      sigmas[i] = (float) sigma;
    }
    sigmas[steps] = lastIsZero ? 0 : sigmas[steps - 1];
    return new FlowSchedule(timesteps, sigmas);
  }

  /**
   * Levels of DPM-Solver++: even steps of the signal's share from one training step to all of it,
   * shifted, and 0 behind the last. The first is one training step below 1; timesteps are whole
   * numbers.
   *
   * @param trainSteps number of timesteps in training, 1000 for the published models
   */
  static FlowSchedule dpm(int steps, double shift, int trainSteps) {
    Steps.checkCount(steps);
    float[] timesteps = new float[steps];
    float[] sigmas = new float[steps + 1];
    for (int i = 0; i < steps; i++) {
      double signal = between(1, 1.0 / trainSteps, steps - i, steps + 1);
      double sigma = shifted(1 - signal, shift);
      timesteps[i] = (long) (sigma * trainSteps);
      sigmas[i] = (float) sigma;
    }
    return new FlowSchedule(timesteps, sigmas);
  }

  /**
   * Levels of the flow-match Euler scheduler without sigmas of the caller's: even steps between the
   * ends of the training table, which is shifted already, and then shifted, so a second time. The
   * published scheduler does so, and the models are used with it.
   */
  static FlowSchedule euler(int steps, double shift, int trainSteps) {
    Steps.checkCount(steps);
    double least = shifted(1f / trainSteps, (float) shift);
    float[] sigmas = new float[steps];
    for (int i = 0; i < steps; i++) {
      sigmas[i] = (float) shifted(between(1, least, i, steps), shift);
    }
    return euler(sigmas, trainSteps);
  }

  /**
   * Levels of the flow-match Euler scheduler from the caller's sigmas, shifted once.
   *
   * @param unshifted falling, each above 0 and at most 1, without the final 0
   */
  static FlowSchedule euler(float[] unshifted, float shift, int trainSteps) {
    Steps.checkCount(unshifted.length);
    float[] sigmas = new float[unshifted.length];
    for (int i = 0; i < sigmas.length; i++) {
      float sigma = unshifted[i];
      if (!(sigma > 0 && sigma <= 1) || i > 0 && sigma >= unshifted[i - 1]) {
        throw new IllegalArgumentException(
            "sigmas must fall, be above 0 and at most 1, got " + sigma + " as number " + i);
      }
      sigmas[i] = shifted(sigma, shift);
    }
    return euler(sigmas, trainSteps);
  }

  private static FlowSchedule euler(float[] sigmas, int trainSteps) {
    float[] timesteps = new float[sigmas.length];
    for (int i = 0; i < sigmas.length; i++) {
      timesteps[i] = sigmas[i] * trainSteps;
    }
    return new FlowSchedule(timesteps, Arrays.copyOf(sigmas, sigmas.length + 1));
  }

  /** Number {@code i} of {@code count} even points from first to last. */
  private static double between(double first, double last, int i, int count) {
    return count == 1 ? first : first + i * ((last - first) / (count - 1));
  }

  /** More of the steps at high noise: the larger the shift, the more. */
  private static double shifted(double sigma, double shift) {
    return shift * sigma / (1 + (shift - 1) * sigma);
  }

  private static float shifted(float sigma, float shift) {
    return shift * sigma / (1 + (shift - 1) * sigma);
  }
}
