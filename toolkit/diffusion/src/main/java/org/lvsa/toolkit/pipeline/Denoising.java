// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.Optional;
import java.util.function.Supplier;
import org.lvsa.toolkit.parallel.RankPlace;
import org.lvsa.toolkit.schedulers.History;

/**
 * A generation whose prompts are encoded and that is ready to be denoised, as often as its caller
 * likes: with dense and with sparse attention, say.
 */
public interface Denoising extends AutoCloseable {
  /**
   * Denoises.
   *
   * @param attention of the video's tokens
   * @param from where an earlier run of the same settings stopped; empty to begin with noise
   * @param receiver takes each step's result; what it throws ends the run
   * @return the clean latents
   */
  float[] run(
      GenerationAttention attention, Optional<ResumeFile.State> from, StepReceiver receiver);

  /**
   * The same for one of several ranks, which may run at the same time in this process. Weights and
   * embeddings are shared and stay this one's to close.
   *
   * @param place the rank's, among those that make the video together
   */
  Denoising forRank(RankPlace place);

  /** Frees the embeddings; the weights belong to the pipeline. */
  @Override
  void close();

  /** Takes a step's result. */
  @FunctionalInterface
  interface StepReceiver {
    /**
     * A step is done.
     *
     * @param step its number, from 0
     * @param latents the sample after it, not to be changed
     * @param history what the scheduler remembers after it
     */
    void accept(int step, float[] latents, Supplier<History> history);
  }
}
