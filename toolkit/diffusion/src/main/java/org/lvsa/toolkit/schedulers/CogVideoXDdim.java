// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.util.Map;
import java.util.Set;

/**
 * DDIM (Song, Meng and Ermon, "Denoising Diffusion Implicit Models", 2021) without added noise, on
 * a model that predicts {@code v}: the share of noise in a sample is lowered to the next level's,
 * and the predicted clean sample fills up what is missing.
 */
public final class CogVideoXDdim implements Scheduler {
  private final AlphaSchedule schedule;
  private int done;

  CogVideoXDdim(AlphaSchedule schedule) {
    this.schedule = schedule;
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
  public float[] step(float[] modelOutput, float[] sample) {
    Steps.check(schedule, done, modelOutput, sample, null);
    float[] clean = schedule.predicted(done, modelOutput, sample);
    double alpha = schedule.alphas()[done];
    double nextAlpha = schedule.nextAlphas()[done];
    double keep = Math.sqrt((1 - nextAlpha) / (1 - alpha));
    double fill = Math.sqrt(nextAlpha) - Math.sqrt(alpha) * keep;
    float[] next = new float[sample.length];
    for (int e = 0; e < next.length; e++) {
      next[e] = (float) (keep * sample[e] + fill * clean[e]);
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
