// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.Capability;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.Prompts;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.PipelineDefaults;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.vision.Picture;
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
      description = "pixels (default: the model's, such as 832x480)")
  private String resolution;

  @Option(names = "--frames", description = "video frames (default: the model's, such as 81)")
  private Integer frames;

  @Option(names = "--steps", description = "denoising steps (default: the model's, mostly 50)")
  private Integer steps;

  @Option(
      names = "--guidance-scale",
      paramLabel = "SCALE",
      description =
          "guidance is on above 1, with a guider at any scale but 1 (default: the model's, such as"
              + " 5)")
  private Double guidanceScale;

  @Option(
      names = "--guidance-scale-2",
      paramLabel = "SCALE",
      description =
          "of the second of two transformers, which makes the steps of low noise (default: as"
              + " --guidance-scale)")
  private Double guidanceScale2;

  @Option(
      names = "--boundary-ratio",
      paramLabel = "SHARE",
      description =
          "noise level, as a share of the largest, below which the second of two transformers"
              + " runs (default: the model's)")
  private Double boundaryRatio;

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

  @Option(
      names = "--noise",
      paramLabel = "FILE",
      description =
          "noise that the scheduler draws on the way: tensors noise00, noise01 and so on, in place"
              + " of the seed's")
  private Path noise;

  @Option(
      names = "--image",
      paramLabel = "FILE",
      description = "a picture that the video begins with, for models that take one")
  private Path image;

  @Option(
      names = "--last-image",
      paramLabel = "FILE",
      description = "a picture that the video ends with, for models that take one")
  private Path lastImage;

  @Option(
      names = "--edit",
      paramLabel = "FILE",
      description = "a picture that is changed as the prompt says, for models that take one")
  private Path edited;

  @Option(
      names = "--audio",
      paramLabel = "FILE",
      description = "sound that the video goes with, for models that take some")
  private Path sound;

  /**
   * What a model is told beside the prompts; reads the pictures.
   *
   * @throws IllegalArgumentException if one cannot be read
   */
  GenerationSettings.Inputs inputs(HowOptions how) {
    return new GenerationSettings.Inputs(
        Optional.ofNullable(image).map(Picture::read),
        Optional.ofNullable(lastImage).map(Picture::read),
        Optional.ofNullable(noise),
        how.textMask(),
        new GenerationSettings.Others(Optional.ofNullable(edited), Optional.ofNullable(sound)));
  }

  /**
   * What is asked for.
   *
   * @param defaults what is taken where nothing is said
   * @param how the video is made
   * @param inputs as {@link #inputs} gives them
   * @param promptNeeded whether a prompt has to be there
   * @throws IllegalArgumentException naming the option that is wrong
   */
  GenerationSettings settings(
      PipelineDefaults defaults,
      HowOptions how,
      GenerationSettings.Inputs inputs,
      boolean promptNeeded) {
    if (prompt == null && promptNeeded) {
      throw new IllegalArgumentException("give --prompt TEXT: what the video shows");
    }
    return new GenerationSettings(
        new Prompts(prompt == null ? "random numbers" : prompt, negativePrompt),
        new VideoSize(
            resolution == null ? defaults.resolution() : Resolution.parse(resolution),
            frames == null ? defaults.frames() : frames),
        steps == null ? defaults.steps() : steps,
        new GuidanceSettings(
            guidanceScale == null ? defaults.guidanceScale() : guidanceScale,
            how.batchedGuidance(),
            optional(guidanceScale2),
            optional(boundaryRatio),
            how.dynamicGuidance(),
            how.normalisedGuidance(),
            how.guider().over(defaults.guider())),
        optional(flowShift),
        latents == null ? new StartingLatents.Seed(seed) : new StartingLatents.Given(latents, seed),
        inputs);
  }

  /**
   * Refuses what a pipeline cannot do.
   *
   * @throws IllegalArgumentException naming what is not supported
   */
  void check(VideoPipeline pipeline, HowOptions how) {
    require(image != null, Capability.IMAGE_INPUT, pipeline);
    require(lastImage != null, Capability.LAST_IMAGE_INPUT, pipeline);
    require(edited != null, Capability.IMAGE_EDITING, pipeline);
    require(sound != null, Capability.AUDIO_INPUT, pipeline);
    require(guidanceScale2 != null || boundaryRatio != null, Capability.SECOND_GUIDANCE, pipeline);
    require(how.dynamicGuidance(), Capability.DYNAMIC_GUIDANCE, pipeline);
    require(how.guider().asks(), Capability.GUIDER, pipeline);
    require(flowShift != null, Capability.FLOW_SHIFT, pipeline);
  }

  private static void require(boolean asked, Capability capability, VideoPipeline pipeline) {
    if (asked) {
      capability.require(pipeline);
    }
  }

  private static OptionalDouble optional(Double value) {
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
  }
}
