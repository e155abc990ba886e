// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.Arrays;
import org.lvsa.toolkit.pattern.Pattern;

/**
 * What a cell's pattern came to. Everything is counted in latent frames.
 *
 * @param window window in force
 * @param firstFrames first frames in force
 * @param keyFrameInterval interval of the periodic keyframes in force
 * @param step denoising step
 * @param globalFrames number of global frames
 * @param attendedMin fewest frames that a frame attends to
 * @param attendedMean mean number of frames that a frame attends to
 * @param attendedMax most frames that a frame attends to
 * @param density attended pairs over all pairs
 */
public record PatternFacts(
    int window,
    int firstFrames,
    int keyFrameInterval,
    int step,
    int globalFrames,
    int attendedMin,
    double attendedMean,
    int attendedMax,
    double density) {

  /** The numbers that describe a pattern. */
  static PatternFacts of(Pattern pattern) {
    int[] attended = pattern.attendedPerFrame();
    return new PatternFacts(
        pattern.settings().window(),
        pattern.settings().firstFrames(),
        pattern.keyFrameInterval(),
        pattern.settings().step(),
        pattern.globalFrames().size(),
        Arrays.stream(attended).min().orElseThrow(),
        Arrays.stream(attended).average().orElseThrow(),
        Arrays.stream(attended).max().orElseThrow(),
        pattern.density());
  }

  /** The speed-up if every skipped pair became time. */
  public double idealSpeedup() {
    return 1 / density;
  }
}
