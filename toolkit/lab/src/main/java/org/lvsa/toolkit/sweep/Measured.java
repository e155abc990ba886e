// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import org.lvsa.kernels.KernelRun;

/**
 * Warm runs of one problem, by their medians.
 *
 * @param kernel the name of the kernel that ran last
 * @param kernelMillis median of the kernel alone
 * @param prepareMillis median of the layout changes
 * @param transferMillis median of the copies
 * @param extraBytes the most extra memory of any run
 */
record Measured(
    String kernel,
    double kernelMillis,
    double prepareMillis,
    double transferMillis,
    long extraBytes) {
  /** Runs shorter than this in sum do not warm the JIT. */
  private static final double WARM_MILLIS = 1000;

  private static final int MOST_WARM_RUNS = 200;

  /** Warms up, then takes the medians of {@code reps} runs. */
  static Measured of(int reps, Supplier<KernelRun> runner) {
    double warm = 0;
    for (int i = 0; i < MOST_WARM_RUNS && warm < WARM_MILLIS; i++) {
      KernelRun run = runner.get();
      warm += run.kernelMillis() + run.prepareMillis() + run.transferMillis();
    }
    List<KernelRun> runs = new ArrayList<>();
    for (int i = 0; i < reps; i++) {
      runs.add(runner.get());
    }
    return new Measured(
        runs.getLast().kernel(),
        median(runs, KernelRun::kernelMillis),
        median(runs, KernelRun::prepareMillis),
        median(runs, KernelRun::transferMillis),
        runs.stream().mapToLong(KernelRun::extraBytes).max().orElseThrow());
  }

  private static double median(List<KernelRun> runs, ToDoubleFunction<KernelRun> time) {
    double[] sorted = runs.stream().mapToDouble(time).sorted().toArray();
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
