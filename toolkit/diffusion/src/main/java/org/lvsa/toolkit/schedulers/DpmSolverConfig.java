// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * Settings of {@link DpmSolver}.
 *
 * @param shift how far the noise levels are shifted towards noise
 * @param trainSteps number of timesteps in training
 * @param solverOrder 1 or 2
 */
public record DpmSolverConfig(double shift, int trainSteps, int solverOrder)
    implements FlowSchedulerConfig {
  /** Checks the shift. */
  public DpmSolverConfig {
    FlowSchedulerConfig.checkShift(shift);
  }

  static DpmSolverConfig read(ComponentConfig config) {
    config.requirePresent("use_flow_sigmas", "true");
    config.requirePresent("prediction_type", "flow_prediction");
    config.require("algorithm_type", "dpmsolver++");
    config.require("solver_type", "midpoint");
    config.require("thresholding", "false");
    config.require("use_lu_lambdas", "false");
    config.require("use_dynamic_shifting", "false");
    config.require("variance_type", (Object) null);
    FlowSettings.refuseOtherSigmas(config);
    config.require("final_sigmas_type", "zero");
    // The bound serves schedules without flow sigmas; a step to sigma 0 is of first order always.
    config.withoutEffect("lambda_min_clipped", "lower_order_final", "euler_at_final");
    int order = config.size("solver_order", 2);
    if (order > 2) {
      throw config.wrong("solver_order", "1 or 2");
    }
    return new DpmSolverConfig(
        config.positive("flow_shift", 1), config.size("num_train_timesteps", 1000), order);
  }

  @Override
  public DpmSolverConfig withShift(double other) {
    return new DpmSolverConfig(other, trainSteps, solverOrder);
  }

  @Override
  public Scheduler start(int steps, StepNoise noise) {
    return new DpmSolver(this, FlowSchedule.dpm(steps, shift, trainSteps));
  }
}
