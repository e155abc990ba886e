// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * DPM-Solver++(2M), a multistep solver of second order on clean-sample predictions (Lu et al.,
 * "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models", 2022,
 * algorithm 2), with a flow model's noise levels.
 *
 * <p>The first step and the step to sigma 0 are of first order: one has no extrapolation
 * prediction, for the other the step in {@code lambda = ln(alpha / sigma)} is infinite and the
 * result is the clean sample itself.
 */
public final class DpmSolver implements Scheduler {
  private final DpmSolverConfig config;
  private final FlowSchedule schedule;
  private float[] predicted;
  private int done;

  DpmSolver(DpmSolverConfig config, FlowSchedule schedule) {
    this.config = config;
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
    Steps.check(schedule, done, modelOutput, sample, predicted);
    float[] sigmas = schedule.sigmas();
    float[] newest = Steps.predicted(modelOutput, sample, sigmas[done]);
    float[] before = predicted;
    double lambda = Steps.lambda(sigmas[done]);
    double h = Steps.lambda(sigmas[done + 1]) - lambda;
    double alpha = Steps.alpha(sigmas[done + 1]);
    double keep = (double) sigmas[done + 1] / sigmas[done];
    double decay = Math.expm1(-h);
    double extrapolation =
        secondOrder() ? 1 / (2 * ((lambda - Steps.lambda(sigmas[done - 1])) / h)) : 0;
    float[] next = new float[sample.length];
    Steps.inParts(
        next.length,
        (first, end) -> {
          for (int e = first; e < end; e++) {
            double data = newest[e];
            if (extrapolation != 0) {
              data += extrapolation * ((double) newest[e] - before[e]);
            }
            next[e] = (float) (keep * sample[e] - alpha * decay * data);
          }
        });
    predicted = newest;
    done++;
    return next;
  }

  private boolean secondOrder() {
    boolean last = done == schedule.steps() - 1;
    return config.solverOrder() == 2 && done > 0 && !last;
  }

  @Override
  public History history() {
    Map<String, float[]> tensors = new TreeMap<>();
    if (predicted != null) {
      tensors.put(History.predicted(0), predicted.clone());
    }
    return new History(done, tensors);
  }

  @Override
  public void resume(History history) {
    Set<String> names = new HashSet<>();
    if (history.done() > 0) {
      names.add(History.predicted(0));
    }
    Steps.checkHistory(schedule, history, names);
    predicted = history.done() > 0 ? history.tensors().get(History.predicted(0)).clone() : null;
    done = history.done();
  }
}
