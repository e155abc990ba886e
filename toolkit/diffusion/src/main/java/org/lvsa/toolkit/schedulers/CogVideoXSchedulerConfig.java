// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * Settings of CogVideoX's schedulers, which differ in their steps alone.
 *
 * @param kind how a step is made
 * @param trainSteps number of timesteps in training
 * @param betaStart noise that the first timestep of training adds
 * @param betaEnd noise that the last one adds
 * @param squaredBetas whether the square roots of the betas lie evenly ({@code scaled_linear}),
 *     else the betas themselves
 * @param snrShift how far the signal-to-noise ratio is lowered; 1 is not at all
 * @param zeroSnr whether the last timestep is noise alone
 * @param cleanIsOne whether the way ends at the clean sample, else at the first timestep's level
 */
public record CogVideoXSchedulerConfig(
    Kind kind,
    int trainSteps,
    double betaStart,
    double betaEnd,
    boolean squaredBetas,
    double snrShift,
    boolean zeroSnr,
    boolean cleanIsOne)
    implements SchedulerConfig {

  /** How a step is made. */
  public enum Kind {
    /** {@link CogVideoXDdim}. */
    DDIM,
    /** {@link CogVideoXDpm}. */
    DPM
  }

  static CogVideoXSchedulerConfig ddim(ComponentConfig config) {
    return read(config, Kind.DDIM);
  }

  static CogVideoXSchedulerConfig dpm(ComponentConfig config) {
    return read(config, Kind.DPM);
  }

  private static CogVideoXSchedulerConfig read(ComponentConfig config, Kind kind) {
    config.requirePresent("prediction_type", "v_prediction");
    config.requirePresent("timestep_spacing", "trailing");
    config.requirePresent("clip_sample", "false");
    config.require("trained_betas", (Object) null);
    // Read with other spacings of timesteps, or where samples are clipped, alone.
    config.withoutEffect("steps_offset", "clip_sample_range", "sample_max_value");
    return new CogVideoXSchedulerConfig(
        kind,
        config.size("num_train_timesteps", 1000),
        config.positive("beta_start", 0.00085),
        config.positive("beta_end", 0.012),
        config
            .choice("beta_schedule", "scaled_linear", "scaled_linear", "linear")
            .equals("scaled_linear"),
        config.positive("snr_shift_scale", 3),
        config.flag("rescale_betas_zero_snr", false),
        config.flag("set_alpha_to_one", true));
  }

  @Override
  public SchedulerConfig withShift(double shift) {
    throw new IllegalArgumentException(
        "a flow shift is for flow models, CogVideoX's schedulers have none, got " + shift);
  }

  @Override
  public Scheduler start(int steps, StepNoise noise) {
    double[] alphas = alphas();
    AlphaSchedule schedule = AlphaSchedule.trailing(steps, alphas, cleanIsOne ? 1 : alphas[0]);
    return switch (kind) {
      case DDIM -> new CogVideoXDdim(schedule);
      case DPM -> new CogVideoXDpm(schedule, noise);
    };
  }

  /** Alpha of each timestep in training, in float64 as the published schedulers have it. */
  double[] alphas() {
    double[] alphas = new double[trainSteps];
    double product = 1;
    for (int t = 0; t < trainSteps; t++) {
      double share = trainSteps == 1 ? 0 : (double) t / (trainSteps - 1);
      double beta;
      if (squaredBetas) {
        double root = Math.sqrt(betaStart);
        double between = root + share * (Math.sqrt(betaEnd) - root);
        beta = between * between;
      } else {
        beta = betaStart + share * (betaEnd - betaStart);
      }
      product *= 1 - beta;
      alphas[t] = product / (snrShift + (1 - snrShift) * product);
    }
    return zeroSnr ? endingAtZero(alphas) : alphas;
  }

  /**
   * Square roots are moved so that the last one is 0, and stretched so that the first one stays
   * (Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed", 2024).
   */
  private static double[] endingAtZero(double[] alphas) {
    double first = Math.sqrt(alphas[0]);
    double last = Math.sqrt(alphas[alphas.length - 1]);
    double[] moved = new double[alphas.length];
    for (int t = 0; t < moved.length; t++) {
      double root = (Math.sqrt(alphas[t]) - last) * (first / (first - last));
      moved[t] = root * root;
    }
    return moved;
  }
}
