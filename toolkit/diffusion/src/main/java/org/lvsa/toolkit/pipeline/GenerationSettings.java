// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vision.Picture;

/**
 * What is asked of a pipeline.
 *
 * @param prompts what the video shows, and what it should not
 * @param size of the video
 * @param steps denoising steps, at least 1
 * @param guidance how strongly the prompt is followed
 * @param flowShift shift of the noise levels in place of the scheduler's own; empty for its own
 * @param start the noise to begin with
 * @param inputs what the model is told beside the prompts
 */
public record GenerationSettings(
    Prompts prompts,
    VideoSize size,
    int steps,
    GuidanceSettings guidance,
    OptionalDouble flowShift,
    StartingLatents start,
    Inputs inputs) {
  /** Nothing beside the prompts. */
  public GenerationSettings(
      Prompts prompts,
      VideoSize size,
      int steps,
      GuidanceSettings guidance,
      OptionalDouble flowShift,
      StartingLatents start) {
    this(prompts, size, steps, guidance, flowShift, start, Inputs.NONE);
  }

  /** At least one step. */
  public GenerationSettings {
    if (steps < 1) {
      throw new IllegalArgumentException("steps must be at least 1, got " + steps);
    }
  }

  /**
   * The texts that guide a video.
   *
   * @param prompt what it shows, not empty
   * @param negative what it should not show; empty for nothing
   */
  public record Prompts(String prompt, String negative) {
    /** The prompt holds something. */
    public Prompts {
      if (prompt.isBlank()) {
        throw new IllegalArgumentException("the prompt is empty: say what the video shows");
      }
    }
  }

  /** How the tokens behind the end of a text take part, where a model's text attends together. */
  public enum TextMask {
    /** They are left out. */
    MASKED,
    /** As the published code has it with sparse attention: they attend as if they were text. */
    PUBLISHED
  }

  /**
   * What a model is told beside the prompts.
   *
   * @param image the video begins with it
   * @param lastImage the video ends with it
   * @param noise a safetensors file with the noise that a scheduler draws on the way, {@code
   *     noise00}, {@code noise01} and so on in the order of drawing; empty to draw it by the seed
   * @param textMask how padding of texts takes part
   * @param others files for models of other kinds
   */
  public record Inputs(
      Optional<Picture> image,
      Optional<Picture> lastImage,
      Optional<Path> noise,
      TextMask textMask,
      Others others) {
    /** Without files for models of other kinds. */
    public Inputs(
        Optional<Picture> image,
        Optional<Picture> lastImage,
        Optional<Path> noise,
        TextMask textMask) {
      this(image, lastImage, noise, textMask, Others.NONE);
    }

    /** Nothing beside the prompts. */
    public static final Inputs NONE =
        new Inputs(Optional.empty(), Optional.empty(), Optional.empty(), TextMask.MASKED);
  }

  /**
   * Files that no pipeline of the toolkit takes; one that is added to it may, and says so by its
   * {@link Capability capabilities}.
   *
   * @param edited a picture that is changed as the prompt says
   * @param sound that the video goes with
   */
  public record Others(Optional<Path> edited, Optional<Path> sound) {
    /** No files. */
    public static final Others NONE = new Others(Optional.empty(), Optional.empty());
  }

  private static String identity(Picture picture) {
    return picture.size() + " " + Fingerprint.of(picture.rgb());
  }

  /**
   * All of it by name, to tell these settings from others.
   *
   * @param size of the latents
   */
  public Map<String, String> identity(LatentSize size) {
    Map<String, String> identity = new LinkedHashMap<>();
    identity.put("prompt", prompts.prompt());
    identity.put("negativePrompt", prompts.negative());
    identity.put("resolution", this.size.resolution().toString());
    identity.put("frames", Integer.toString(this.size.frames()));
    identity.put("steps", Integer.toString(steps));
    identity.put("guidanceScale", Double.toString(guidance.scale()));
    identity.put("batchedGuidance", Boolean.toString(guidance.batched()));
    identity.put(
        "flowShift", flowShift.isPresent() ? Double.toString(flowShift.getAsDouble()) : "own");
    identity.put("start", start.identity(size));
    guidance.second().ifPresent(scale -> identity.put("guidanceScale2", Double.toString(scale)));
    guidance
        .boundaryRatio()
        .ifPresent(ratio -> identity.put("boundaryRatio", Double.toString(ratio)));
    identity.put("dynamicGuidance", Boolean.toString(guidance.dynamic()));
    identity.put("normalisedGuidance", Boolean.toString(guidance.normalised()));
    identity.put("guider", guidance.guider().map(Guider::toString).orElse("none"));
    identity.put("image", inputs.image().map(GenerationSettings::identity).orElse("none"));
    identity.put("lastImage", inputs.lastImage().map(GenerationSettings::identity).orElse("none"));
    identity.put("noise", inputs.noise().map(Path::toString).orElse("drawn"));
    identity.put("textMask", inputs.textMask().name());
    inputs.others().edited().ifPresent(file -> identity.put("edited", file.toString()));
    inputs.others().sound().ifPresent(file -> identity.put("sound", file.toString()));
    return identity;
  }
}
