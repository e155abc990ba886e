// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import org.lvsa.toolkit.component.ComponentConfig;

/**
 * Settings of {@link DpmSolver}.
 *
 * @param shift how far the noise levels are shifted towards noise
 * @param trainSteps number of timesteps in training
 * @param solverOrder 1 or 2
 * @param lowerOrderFinal whether the last step is of first order whatever sigma it ends at
 * @param lastIsZero whether the last sigma is 0, else it repeats the one before
 */
public record DpmSolverConfig(
    double shift, int trainSteps, int solverOrder, boolean lowerOrderFinal, boolean lastIsZero)
    implements SchedulerConfig {
  /** Checks the shift. */
  public DpmSolverConfig {
    SchedulerConfig.checkShift(shift);
  }

  static DpmSolverConfig read(ComponentConfig config) {
    config.must("use_flow_sigmas", "true");
    config.must("prediction_type", "flow_prediction");
    config.only("algorithm_type", "dpmsolver++");
    config.only("solver_type", "midpoint");
    config.only("thresholding", "false");
    config.only("use_lu_lambdas", "false");
    config.only("use_dynamic_shifting", "false");
    config.only("variance_type", "null");
    FlowSettings.refuseOtherSigmas(config);
    // The bound serves schedules without flow sigmas.
    config.withoutEffect("lambda_min_clipped");
    int order = config.integer("solver_order", 2, 1);
    if (order > 2) {
      throw config.refuse("solver_order", "1 or 2");
    }
    boolean firstOrderAtTheEnd =
        config.flag("lower_order_final", true) | config.flag("euler_at_final", false);
    return new DpmSolverConfig(
        config.positive("flow_shift", 1),
        config.integer("num_train_timesteps", 1000, 1),
        order,
        firstOrderAtTheEnd,
        config.choice("final_sigmas_type", "zero", "zero", "sigma_min").equals("zero"));
  }

  @Override
  public DpmSolverConfig withShift(double other) {
    return new DpmSolverConfig(other, trainSteps, solverOrder, lowerOrderFinal, lastIsZero);
  }

  @Override
  public Scheduler start(int steps) {
    return new DpmSolver(this, FlowSchedule.multistep(steps, shift, trainSteps, lastIsZero));
  }
}
