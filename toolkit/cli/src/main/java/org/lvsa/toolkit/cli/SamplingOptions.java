// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.nio.file.Path;
import java.util.OptionalDouble;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.Prompts;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoSize;
import picocli.CommandLine.Option;

/** The options that say which video is asked for: prompts, size, steps, guidance, noise. */
final class SamplingOptions {
  @Option(names = "--prompt", paramLabel = "TEXT", description = "what is shown")
  private String prompt;

  @Option(
      names = "--negative-prompt",
      paramLabel = "TEXT",
      defaultValue = "",
      description = "what should not be shown (default: nothing)")
  private String negativePrompt;

  @Option(
      names = "--resolution",
      paramLabel = "WIDTHxHEIGHT",
      description = "pixels (default: 832x480, less for random weights that are scaled down)")
  private String resolution;

  @Option(
      names = "--frames",
      defaultValue = "81",
      description = "video frames (default: ${DEFAULT-VALUE})")
  private int frames;

  @Option(
      names = "--steps",
      defaultValue = "50",
      description = "denoising steps (default: ${DEFAULT-VALUE})")
  private int steps;

  @Option(
      names = "--guidance-scale",
      paramLabel = "SCALE",
      defaultValue = "5",
      description = "guidance is on above 1 (default: ${DEFAULT-VALUE})")
  private double guidanceScale;

  @Option(
      names = "--batched-guidance",
      description = "both runs of a guided step as one batch, which takes more memory")
  private boolean batchedGuidance;

  @Option(
      names = "--flow-shift",
      paramLabel = "SHIFT",
      description = "shift of the noise levels (default: the scheduler's own)")
  private Double flowShift;

  @Option(
      names = "--seed",
      defaultValue = "0",
      description = "of the noise, the same on every machine (default: ${DEFAULT-VALUE})")
  private long seed;

  @Option(
      names = "--latents",
      paramLabel = "FILE",
      description = "start from tensor latents, else latents_init, in place of the seed's noise")
  private Path latents;

  /**
   * What is asked for.
   *
   * @param model gives the resolution where none is said, and whether a prompt is needed
   * @throws IllegalArgumentException naming the option that is wrong
   */
  GenerationSettings settings(ModelOptions model) {
    if (prompt == null && model.random().isEmpty()) {
      throw new IllegalArgumentException("give --prompt TEXT: what the video shows");
    }
    return new GenerationSettings(
        new Prompts(prompt == null ? "random numbers" : prompt, negativePrompt),
        new VideoSize(
            resolution == null ? model.resolution() : Resolution.parse(resolution), frames),
        steps,
        new GuidanceSettings(guidanceScale, batchedGuidance),
        flowShift == null ? OptionalDouble.empty() : OptionalDouble.of(flowShift),
        latents == null ? new StartingLatents.Seed(seed) : new StartingLatents.Given(latents));
  }
}
