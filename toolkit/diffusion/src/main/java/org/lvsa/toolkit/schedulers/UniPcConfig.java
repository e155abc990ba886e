// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.util.List;
import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * Settings of {@link UniPc}.
 *
 * @param shift how far the noise levels are shifted towards noise
 * @param trainSteps number of timesteps in training
 * @param solverOrder 1 to 3
 * @param solverType which of the paper's two choices of {@code B(h)}
 * @param lowerOrderFinal whether the last steps use as few predictions as there are steps left
 * @param disableCorrector steps whose result is not corrected
 * @param lastIsZero whether the last sigma is 0, else it repeats the one before
 */
public record UniPcConfig(
    double shift,
    int trainSteps,
    int solverOrder,
    SolverType solverType,
    boolean lowerOrderFinal,
    List<Integer> disableCorrector,
    boolean lastIsZero)
    implements FlowSchedulerConfig {

  /** The paper's {@code B(h)}: the step itself, or its exponential less one. */
  public enum SolverType {
    /** {@code B(h) = h}. */
    BH1,
    /** {@code B(h) = exp(h) − 1}. */
    BH2
  }

  /** Checks the shift and copies the list. */
  public UniPcConfig {
    FlowSchedulerConfig.checkShift(shift);
    disableCorrector = List.copyOf(disableCorrector);
  }

  static UniPcConfig read(ComponentConfig config) {
    config.requirePresent("use_flow_sigmas", "true");
    config.requirePresent("prediction_type", "flow_prediction");
    config.require("predict_x0", "true");
    config.require("thresholding", "false");
    config.require("solver_p", (Object) null);
    config.require("use_dynamic_shifting", "false");
    config.require("shift_terminal", (Object) null);
    config.require("sigma_min", (Object) null);
    config.require("sigma_max", (Object) null);
    FlowSettings.refuseOtherSigmas(config);
    int order = config.size("solver_order", 2);
    if (order > 3) {
      throw config.wrong("solver_order", "1, 2 or 3");
    }
    return new UniPcConfig(
        config.positive("flow_shift", 1),
        config.size("num_train_timesteps", 1000),
        order,
        config.choice("solver_type", "bh2", "bh1", "bh2").equals("bh1")
            ? SolverType.BH1
            : SolverType.BH2,
        config.flag("lower_order_final", true),
        config.indices("disable_corrector"),
        config.choice("final_sigmas_type", "zero", "zero", "sigma_min").equals("zero"));
  }

  @Override
  public UniPcConfig withShift(double other) {
    return new UniPcConfig(
        other, trainSteps, solverOrder, solverType, lowerOrderFinal, disableCorrector, lastIsZero);
  }

  @Override
  public Scheduler start(int steps, StepNoise noise) {
    return new UniPc(this, FlowSchedule.multistep(steps, shift, trainSteps, lastIsZero));
  }
}
