// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

/**
 * The noise levels of a model that keeps the variance: {@code x = sqrt(alpha) · x0 + sqrt(1 −
 * alpha) · noise}, where alpha ({@code alpha_bar} in the papers) goes from 0, noise alone, to 1.
 *
 * @param timesteps one per step, whole numbers from the number of timesteps in training less 1 down
 * @param alphas one per step, where the step begins
 * @param nextAlphas one per step, where the step ends: this is not always where the next begins
 * @param reachesClean one per step, whether it ends before the first timestep of training, at the
 *     clean sample
 */
public record AlphaSchedule(
    float[] timesteps, double[] alphas, double[] nextAlphas, boolean[] reachesClean)
    implements Schedule {

  /**
   * Timesteps that are spread evenly and end at 0 ("trailing"). A step goes from its timestep by as
   * many as the whole part of the even distance, whatever the next timestep is.
   *
   * @param trained alpha of each timestep in training
   * @param clean alpha of the clean sample
   */
  static AlphaSchedule trailing(int steps, double[] trained, double clean) {
    Steps.checkCount(steps);
    if (steps > trained.length) {
      throw new IllegalArgumentException(
          "steps must be at most "
              + trained.length
              + ", the timesteps that the model was trained with, got "
              + steps);
    }
    float[] timesteps = new float[steps];
    double[] alphas = new double[steps];
    double[] next = new double[steps];
    boolean[] reachesClean = new boolean[steps];
    double distance = (double) trained.length / steps;
    for (int i = 0; i < steps; i++) {
      int timestep = (int) Math.rint(trained.length - i * distance) - 1;
      int end = timestep - trained.length / steps;
      timesteps[i] = timestep;
      alphas[i] = trained[timestep];
      reachesClean[i] = end < 0;
      next[i] = reachesClean[i] ? clean : trained[end];
    }
    return new AlphaSchedule(timesteps, alphas, next, reachesClean);
  }

  /**
   * The clean sample that the model's {@code v = sqrt(alpha) · noise − sqrt(1 − alpha) · x0} points
   * to.
   */
  float[] predicted(int step, float[] modelOutput, float[] sample) {
    double signal = Math.sqrt(alphas[step]);
    double noise = Math.sqrt(1 - alphas[step]);
    float[] predicted = new float[sample.length];
    for (int e = 0; e < predicted.length; e++) {
      predicted[e] = (float) (signal * sample[e] - noise * modelOutput[e]);
    }
    return predicted;
  }
}
