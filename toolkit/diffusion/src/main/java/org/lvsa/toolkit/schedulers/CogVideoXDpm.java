// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.util.Map;
import java.util.Set;

/**
 * CogVideoX's DPM-Solver++, a stochastic multistep solver of second order (SDE-DPM-Solver++(2M), Lu
 * et al. 2022) on a model that predicts {@code v}. It is another solver than {@link DpmSolver},
 * which is for flow models and adds no noise.
 *
 * <p>The first step, which has no earlier prediction, and a step to the clean sample are of first
 * order. Noise is drawn in each step even where its factor is 0, and in steps of second order
 * twice, of which the second counts: the published solver makes a step of first order in any case
 * and throws it away.
 */
public final class CogVideoXDpm implements Scheduler {
  private final AlphaSchedule schedule;
  private final StepNoise noise;
  private float[] predicted;
  private int done;

  CogVideoXDpm(AlphaSchedule schedule, StepNoise noise) {
    this.schedule = schedule;
    this.noise = noise;
  }

  @Override
  public AlphaSchedule schedule() {
    return schedule;
  }

  @Override
  public int done() {
    return done;
  }

  @Override
  public int draws() {
    return draw(schedule.steps() - 1) + 1;
  }

  @Override
  public float[] step(float[] modelOutput, float[] sample) {
    Steps.check(schedule, done, modelOutput, sample, predicted);
    float[] clean = schedule.predicted(done, modelOutput, sample);
    float[] before = predicted;
    double alpha = schedule.alphas()[done];
    double nextAlpha = schedule.nextAlphas()[done];
    double lambda = lambda(alpha);
    double h = lambda(nextAlpha) - lambda;
    double keep = Math.sqrt((1 - nextAlpha) / (1 - alpha)) * Math.exp(-h);
    double data = -Math.expm1(-2 * h) * Math.sqrt(nextAlpha);
    double random = Math.sqrt(1 - nextAlpha) * Math.sqrt(1 - Math.exp(-2 * h));
    double extrapolation = 0;
    if (secondOrder(done)) {
      double r = (lambda - lambda(schedule.alphas()[done - 1])) / h;
      extrapolation = 1 / (2 * r);
    }
    float[] drawn = noise.draw(draw(done), sample.length);
    float[] next = new float[sample.length];
    for (int e = 0; e < next.length; e++) {
      double direction = clean[e];
      if (extrapolation != 0) {
        direction += extrapolation * ((double) clean[e] - before[e]);
      }
      next[e] = (float) (keep * sample[e] + data * direction + random * drawn[e]);
    }
    predicted = clean;
    done++;
    return next;
  }

  private boolean secondOrder(int step) {
    return step > 0 && !schedule.reachesClean()[step];
  }

  /** Which piece of noise a step uses: the first step draws one, the others two or the last one. */
  private int draw(int step) {
    int drawnBefore = step == 0 ? 0 : 2 * step - 1;
    return secondOrder(step) ? drawnBefore + 1 : drawnBefore;
  }

  /** Half the logarithm of the signal-to-noise ratio, infinite at alpha 0 and 1. */
  private static double lambda(double alpha) {
    return Math.log(Math.sqrt(alpha / (1 - alpha)));
  }

  @Override
  public History history() {
    return new History(
        done, predicted == null ? Map.of() : Map.of(History.predicted(0), predicted.clone()));
  }

  @Override
  public void resume(History history) {
    Set<String> names = history.done() > 0 ? Set.of(History.predicted(0)) : Set.of();
    Steps.checkHistory(schedule, history, names);
    predicted = history.done() > 0 ? history.tensors().get(History.predicted(0)).clone() : null;
    done = history.done();
  }
}
