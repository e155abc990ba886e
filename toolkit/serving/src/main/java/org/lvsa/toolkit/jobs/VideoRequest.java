// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.lvsa.toolkit.model.Resolution;

/**
 * A video, or a single picture, that can be made as it stands: every value is chosen, and those
 * that are null are the model's to choose.
 *
 * @param prompt what is shown, not empty
 * @param negativePrompt what is not to be shown; empty for nothing
 * @param size pixels
 * @param frames video frames; 1 for a picture
 * @param fps frames per second of the file
 * @param sampling how it is denoised
 * @param lvsa settings of the attention, by the name of their variable, as in {@code
 *     LVSA_SPARSITY_SCALE}; they go before the server's own
 * @param strict whether anything that would run otherwise than asked for is an error
 * @param picture whether the file is a PNG in place of an mp4
 */
public record VideoRequest(
    String prompt,
    String negativePrompt,
    Resolution size,
    int frames,
    double fps,
    Sampling sampling,
    Map<String, String> lvsa,
    boolean strict,
    boolean picture) {

  /**
   * How a video is denoised.
   *
   * @param steps denoising steps
   * @param guidanceScale of all steps, or of those with much noise where there are two transformers
   * @param guidanceScale2 of the steps with little noise; null for the same
   * @param boundaryRatio share of the noise levels at which the second transformer takes over; null
   *     for the model's
   * @param flowShift shift of the noise levels; null for the scheduler's
   * @param seed of the noise
   */
  public record Sampling(
      int steps,
      double guidanceScale,
      @Nullable Double guidanceScale2,
      @Nullable Double boundaryRatio,
      @Nullable Double flowShift,
      long seed) {}

  /** The settings are copied. */
  public VideoRequest {
    lvsa = new TreeMap<>(lvsa);
  }

  /** Ending of the file's name, with its dot. */
  public String ending() {
    return picture ? ".png" : ".mp4";
  }

  /** The same with another seed. */
  public VideoRequest withSeed(long seed) {
    Sampling other =
        new Sampling(
            sampling.steps(),
            sampling.guidanceScale(),
            sampling.guidanceScale2(),
            sampling.boundaryRatio(),
            sampling.flowShift(),
            seed);
    return new VideoRequest(
        prompt, negativePrompt, size, frames, fps, other, lvsa, strict, picture);
  }
}
