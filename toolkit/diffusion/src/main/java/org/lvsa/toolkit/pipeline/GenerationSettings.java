// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import org.lvsa.toolkit.vae.LatentSize;

/**
 * What is asked of a text-to-video pipeline.
 *
 * @param prompts what the video shows, and what it should not
 * @param size of the video
 * @param steps denoising steps, at least 1
 * @param guidance how strongly the prompt is followed
 * @param flowShift shift of the noise levels in place of the scheduler's own; empty for its own
 * @param start the noise to begin with
 */
public record GenerationSettings(
    Prompts prompts,
    VideoSize size,
    int steps,
    GuidanceSettings guidance,
    OptionalDouble flowShift,
    StartingLatents start) {
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
    return identity;
  }
}
