// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

/** What a pipeline can take beside a prompt, or make beside a video. */
public enum Capability {
  /** A picture that the video begins with. */
  IMAGE_INPUT("a picture to begin with"),
  /** A picture that the video ends with. */
  LAST_IMAGE_INPUT("a picture to end with"),
  /** A second guidance scale, for the second of two transformers. */
  SECOND_GUIDANCE("a second guidance scale"),
  /** Guidance that changes from step to step. */
  DYNAMIC_GUIDANCE("guidance that changes from step to step"),
  /** Options of a guider: rescaled guidance, in a part of the steps, in the first formulation. */
  GUIDER("guidance with a guider's options"),
  /** A shift of the noise levels. */
  FLOW_SHIFT("a shift of the noise levels"),
  /** A single frame, as an image. */
  IMAGE_OUTPUT("a single picture"),
  /** A picture that is changed as a prompt says. */
  IMAGE_EDITING("a picture to edit"),
  /** Sound to go with. */
  AUDIO_INPUT("sound"),
  /** Sound that belongs to the video. */
  AUDIO_OUTPUT("sound of its own");

  private final String words;

  Capability(String words) {
    this.words = words;
  }

  /** What it is, for people to read. */
  public String words() {
    return words;
  }

  /**
   * Refuses what a pipeline cannot do.
   *
   * @throws IllegalArgumentException saying what is not supported and by which pipeline
   */
  public void require(VideoPipeline pipeline) {
    if (!pipeline.capabilities().contains(this)) {
      throw new IllegalArgumentException(
          words + " is not supported by this pipeline (" + pipeline.className() + ")");
    }
  }
}
