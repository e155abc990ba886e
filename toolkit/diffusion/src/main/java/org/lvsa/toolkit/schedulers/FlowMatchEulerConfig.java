// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * Settings of {@link FlowMatchEuler}.
 *
 * @param shift how far the noise levels are shifted towards noise
 * @param trainSteps number of timesteps in training
 */
public record FlowMatchEulerConfig(double shift, int trainSteps) implements FlowSchedulerConfig {
  /** Checks the shift. */
  public FlowMatchEulerConfig {
    FlowSchedulerConfig.checkShift(shift);
  }

  static FlowMatchEulerConfig read(ComponentConfig config) {
    config.require("use_dynamic_shifting", "false");
    config.require("use_karras_sigmas", "false");
    config.require("use_exponential_sigmas", "false");
    config.require("use_beta_sigmas", "false");
    config.require("invert_sigmas", "false");
    config.require("stochastic_sampling", "false");
    config.require("shift_terminal", (Object) null);
    // Read with dynamic shifting alone.
    config.withoutEffect(
        "base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift", "time_shift_type");
    return new FlowMatchEulerConfig(
        config.positive("shift", 1), config.size("num_train_timesteps", 1000));
  }

  @Override
  public FlowMatchEulerConfig withShift(double other) {
    return new FlowMatchEulerConfig(other, trainSteps);
  }

  @Override
  public Scheduler start(int steps, StepNoise noise) {
    return new FlowMatchEuler(FlowSchedule.euler(steps, shift, trainSteps));
  }

  /**
   * A scheduler whose noise levels the pipeline chooses, as HunyuanVideo 1.5 does.
   *
   * @param sigmas before the shift, falling, each above 0 and at most 1, without the final 0
   */
  public Scheduler start(float[] sigmas) {
    return new FlowMatchEuler(FlowSchedule.euler(sigmas, (float) shift, trainSteps));
  }
}
