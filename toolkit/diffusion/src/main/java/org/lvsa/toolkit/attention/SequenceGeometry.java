// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.List;
import java.util.Optional;

/**
 * How a sequence divides into frames and text: {@code tokens = latentFrames · patchesPerFrame +
 * textTokens}.
 */
public record SequenceGeometry(int latentFrames, int patchesPerFrame, int textTokens) {

  /**
   * The first candidate that leaves a text shorter than the video: {@code 0 ≤ text < T·P}.
   *
   * @param tokens of the sequence
   * @param latentFrames of the video
   * @param candidates patches of a frame
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

  /** Video and text. */
  public int tokens() {
    return latentFrames * patchesPerFrame + textTokens;
  }
}
