// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.Optional;
import org.lvsa.toolkit.model.Resolution;

/**
 * What a pipeline takes where a user does not say.
 *
 * @param resolution pixels
 * @param frames video frames
 * @param steps denoising steps
 * @param guidanceScale how strongly the prompt is followed
 * @param fps frames per second that the model was trained for
 * @param guider further options of guidance; empty for a model that has no guider
 */
public record PipelineDefaults(
    Resolution resolution,
    int frames,
    int steps,
    double guidanceScale,
    double fps,
    Optional<Guider> guider) {
  /** Of a model that has no guider. */
  public PipelineDefaults(
      Resolution resolution, int frames, int steps, double guidanceScale, double fps) {
    this(resolution, frames, steps, guidanceScale, fps, Optional.empty());
  }
}
