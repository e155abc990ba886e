// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.OptionalDouble;

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
}
