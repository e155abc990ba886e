// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A denoising step. */
@Name("org.lvsa.Step")
@Label("Step")
@Category("LVSA")
@StackTrace(false)
public final class StepEvent extends Event implements AutoCloseable {
  private int step;
  private double timestep;

  /** A step begins. */
  public static StepEvent begin(int step, double timestep) {
    StepEvent event = new StepEvent();
    event.step = step;
    event.timestep = timestep;
    event.begin();
    return event;
  }

  @Override
  public void close() {
    commit();
  }
}
