// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.pipeline.AttentionReport;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.VideoPipeline;

/**
 * A few denoising steps of a model with random weights, as each rank does them. All ranks run the
 * same.
 *
 * @param pipeline the model
 * @param settings what is denoised
 * @param denoising the settings' embeddings
 * @param attention how the video attends
 */
record DemoRank(
    VideoPipeline pipeline,
    GenerationSettings settings,
    Denoising denoising,
    GenerationAttention.Settings attention) {

  /**
   * What a step took and gave.
   *
   * @param millis all of it
   * @param attentionMillis self-attention's kernel alone, on this rank
   * @param density that self-attention really ran with
   * @param bytesSent by this rank to others
   * @param state the latents after it
   */
  record Step(
      double millis, double attentionMillis, double density, long bytesSent, float[] state) {}

  /**
   * Denoises.
   *
   * @param name {@code SDPA} or {@code LVSA}
   * @param view this rank's place
   * @param log takes the published lines
   * @param done called after each step
   */
  List<Step> denoise(String name, RankView view, LineLog log, Runnable done) {
    List<Step> steps = new ArrayList<>();
    Denoising own = denoising.forRank(view.place());
    try (GenerationAttention running =
        new GenerationAttention(
            attention.withAttention(name), pipeline.attended(settings.size()), log, view)) {
      long[] begun = {System.nanoTime()};
      long[] sent = {view.ranks().bytesSent()};
      AttentionReport[] before = {running.report()};
      own.run(
          running,
          Optional.empty(),
          (step, sample, history) -> {
            AttentionReport now = running.report();
            steps.add(
                new Step(
                    (System.nanoTime() - begun[0]) / 1e6,
                    now.kernelMillis() - before[0].kernelMillis(),
                    density(before[0], now),
                    view.ranks().bytesSent() - sent[0],
                    sample));
            before[0] = now;
            sent[0] = view.ranks().bytesSent();
            done.run();
            begun[0] = System.nanoTime();
          });
    }
    return steps;
  }

  /** The mean density of the self-attentions between two reports. */
  private static double density(AttentionReport before, AttentionReport now) {
    double earlier = before.calls() == 0 ? 0 : before.calls() * before.density();
    return (now.calls() * now.density() - earlier) / (now.calls() - before.calls());
  }
}
