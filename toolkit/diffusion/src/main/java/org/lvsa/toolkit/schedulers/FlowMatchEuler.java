// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.util.Map;
import java.util.Set;

/** Euler's method on the flow: {@code x + (next sigma − sigma) · velocity}, in float32. */
public final class FlowMatchEuler implements Scheduler {
  private final FlowSchedule schedule;
  private int done;

  FlowMatchEuler(FlowSchedule schedule) {
    this.schedule = schedule;
  }

  @Override
  public FlowSchedule schedule() {
    return schedule;
  }

  @Override
  public int done() {
    return done;
  }

  @Override
  public float[] step(float[] modelOutput, float[] sample) {
    Steps.check(schedule, done, modelOutput, sample, null);
    float length = schedule.sigmas()[done + 1] - schedule.sigmas()[done];
    float[] next = new float[sample.length];
    for (int e = 0; e < next.length; e++) {
      next[e] = sample[e] + length * modelOutput[e];
    }
    done++;
    return next;
  }

  @Override
  public History history() {
    return new History(done, Map.of());
  }

  @Override
  public void resume(History history) {
    Steps.checkHistory(schedule, history, Set.of());
    done = history.done();
  }
}
