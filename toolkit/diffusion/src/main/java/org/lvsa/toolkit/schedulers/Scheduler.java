// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

/**
 * One generation's way from noise to a clean sample, a step at a time.
 *
 * <p>A scheduler remembers what it needs of earlier steps, so it serves one sample, and its steps
 * are made in order. {@link #history} gives what it remembers and {@link #resume} takes it back, so
 * that an interrupted generation goes on exactly as it would have. Not for use by several threads.
 */
public sealed interface Scheduler
    permits UniPc, FlowMatchEuler, DpmSolver, CogVideoXDdim, CogVideoXDpm {
  /** The times of every step. */
  Schedule schedule();

  /** How many pieces of {@link StepNoise} all steps together draw. */
  default int draws() {
    return 0;
  }

  /** Number of steps made so far, from 0 to the number of steps. */
  int done();

  /**
   * Makes the next step.
   *
   * @param modelOutput the model's prediction for the sample at this step's timestep
   * @param sample the sample at this step's noise level; it is not changed
   * @return the sample at the next noise level, a new array
   * @throws IllegalStateException if all steps are made
   * @throws IllegalArgumentException if the lengths differ from each other or from earlier steps
   */
  float[] step(float[] modelOutput, float[] sample);

  /** What is remembered of the steps made so far, as copies. */
  History history();

  /**
   * Goes on from a history of a scheduler with the same settings.
   *
   * @throws IllegalArgumentException if the history cannot be one of this scheduler's
   */
  void resume(History history);
}
