// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

/** Settings of a scheduler for flow models, see {@link FlowSchedule}. */
public sealed interface FlowSchedulerConfig extends SchedulerConfig
    permits UniPcConfig, FlowMatchEulerConfig, DpmSolverConfig {
  /** How far the noise levels are shifted towards noise; 1 is not at all. */
  double shift();

  /** Number of timesteps in training. */
  int trainSteps();

  @Override
  FlowSchedulerConfig withShift(double shift);

  /** Refuses a shift that is not a number above 0. */
  static void checkShift(double shift) {
    if (!(shift > 0) || Double.isInfinite(shift)) {
      throw new IllegalArgumentException("flow shift must be a number above 0, got " + shift);
    }
  }
}
