// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.EnumMap;
import java.util.Map;
import org.lvsa.kernels.transformer.DeviceTransformer.Work;

/** Runs graphs of a plan with the device's clock, for which the host waits behind every task. */
final class WorkClock {
  private final DevicePlan plan;

  /** How much of the log of each graph was read. */
  private final int[] read;

  private final Map<Work, Long> nanos = new EnumMap<>(Work.class);

  /**
   * @param graphs of the plan
   */
  WorkClock(DevicePlan plan, int graphs) {
    this.plan = plan;
    read = new int[graphs];
  }

  /** Forgets what was measured. */
  void begin() {
    tasks();
    nanos.clear();
    nanos.put(Work.OTHER, 0L);
  }

  /** Runs a graph; counts its transfers, and the host beside tasks and transfers. */
  void run(int graph) {
    long begun = System.nanoTime();
    DevicePlan.Times times = plan.execute(graph);
    long host = System.nanoTime() - begun - times.kernel() - times.copies();
    nanos.merge(Work.TRANSFERS, times.copies(), Long::sum);
    nanos.merge(Work.OTHER, Math.max(0, host), Long::sum);
  }

  /**
   * Nanoseconds by kind of all graphs that ran since {@link #begin}; reads what TornadoVM wrote.
   */
  Map<Work, Long> nanos() {
    tasks().forEach((kind, time) -> nanos.merge(kind, time, Long::sum));
    return new EnumMap<>(nanos);
  }

  /** Of tasks by kind, in all that was measured since the last call. */
  private Map<Work, Long> tasks() {
    Map<Work, Long> all = new EnumMap<>(Work.class);
    for (int graph = 0; graph < read.length; graph++) {
      String log = plan.log(graph);
      TaskTimes.of(log, read[graph]).forEach((kind, time) -> all.merge(kind, time, Long::sum));
      read[graph] = log.length();
    }
    return all;
  }
}
