// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

/** The times that a generation steps through. */
public sealed interface Schedule permits FlowSchedule, AlphaSchedule {
  /** One per step, what the model is given as its time, from about 1000 down. */
  float[] timesteps();

  /** Number of steps. */
  default int steps() {
    return timesteps().length;
  }
}
