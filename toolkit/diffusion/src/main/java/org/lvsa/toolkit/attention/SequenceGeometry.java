// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.List;
import java.util.Optional;

/**
 * How a sequence of tokens divides into video frames and text: {@code tokens = latentFrames ·
 * patchesPerFrame + textTokens}.
 *
 * @param latentFrames latent frames of the video
 * @param patchesPerFrame tokens of one latent frame
 * @param textTokens tokens after the video
 */
public record SequenceGeometry(int latentFrames, int patchesPerFrame, int textTokens) {

  /**
   * Finds how many tokens a frame has: the first candidate that leaves fewer text tokens than video
   * tokens, {@code 0 ≤ text < latentFrames · patchesPerFrame}.
   *
   * @param tokens length of the sequence
   * @param latentFrames latent frames of the video
   * @param candidates patches per frame to try, in order
   * @return empty if no candidate fits
   */
  public static Optional<SequenceGeometry> detect(
      int tokens, int latentFrames, List<Integer> candidates) {
    for (int patches : candidates) {
      long video = (long) latentFrames * patches;
      long text = tokens - video;
      if (text >= 0 && text < video) {
        return Optional.of(new SequenceGeometry(latentFrames, patches, (int) text));
      }
    }
    return Optional.empty();
  }

  /** The same video with another number of text tokens. */
  SequenceGeometry withText(int count) {
    return new SequenceGeometry(latentFrames, patchesPerFrame, count);
  }

  /** Tokens of video and text together. */
  public int tokens() {
    return latentFrames * patchesPerFrame + textTokens;
  }
}
