// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.adapter.BlockWeights;
import org.lvsa.toolkit.adapter.Streams;
import org.lvsa.toolkit.adapter.Transformer;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.config.LvsaConfig;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A few denoising steps, as each rank does them. All ranks run the same.
 *
 * @param plan the model's sizes and the number of steps
 * @param weights its blocks'
 * @param noise video tokens to start from, and the encoder's
 * @param config the settings
 * @param kernel the device and the kernel that attention takes
 */
record DemoRank(
    DemoPlan plan,
    List<BlockWeights> weights,
    Streams noise,
    LvsaConfig config,
    KernelOptions kernel) {

  /**
   * What a step took and gave.
   *
   * @param millis all of it
   * @param attentionMillis self-attention's kernel alone, on this rank
   * @param density that self-attention really ran with
   * @param bytesSent by this rank to others
   * @param state the video after it
   */
  record Step(
      double millis, double attentionMillis, double density, long bytesSent, INDArray state) {}

  /**
   * Denoises.
   *
   * @param attention {@code SDPA} or {@code LVSA}
   * @param view this rank's place
   * @param log takes the published lines
   * @param done called after each block
   */
  List<Step> denoise(String attention, RankView view, LineLog log, Runnable done) {
    List<Step> results = new ArrayList<>();
    try (Generation generation =
        new Generation(
            GenerationOptions.of(config.withAttention(attention))
                .withLatentFrames(plan.latentFrames())
                .withView(view)
                .withKernel(kernel),
            log)) {
      Transformer transformer = Transformer.of(plan.adapter(), weights);
      transformer.install(generation);
      // Once before the clock runs: the JVM compiles, kernels open.
      new Transformer(plan.adapter(), transformer.blocks().subList(0, 1))
          .forward(generation, noise, () -> {});
      generation.steps().reset();
      INDArray video = noise.video();
      for (int step = 0; step < plan.steps(); step++) {
        long start = System.nanoTime();
        double before = generation.kernelMillis();
        long sent = view.ranks().bytesSent();
        Streams out = transformer.forward(generation, new Streams(video, noise.encoder()), done);
        // An Euler step towards what the blocks give.
        video = video.mul(0.8).addi(out.video().mul(0.2));
        results.add(
            new Step(
                (System.nanoTime() - start) / 1e6,
                generation.kernelMillis() - before,
                generation.density(),
                view.ranks().bytesSent() - sent,
                video));
      }
    }
    return results;
  }
}
