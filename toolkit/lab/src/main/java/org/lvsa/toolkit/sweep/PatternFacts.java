// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.Arrays;
import org.lvsa.toolkit.pattern.Pattern;

/**
 * What a cell's pattern came to. Windows, frames and intervals are counted in latent frames.
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
 * @param parameters the pattern's parameters in words
 * @param blockTokens tokens of a block of keys, of the largest where they differ
 * @param selectMillis time in which the blocks were chosen; NaN for patterns that do not look at
 *     queries and keys
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
    double density,
    String parameters,
    int blockTokens,
    double selectMillis) {

  /** The numbers that describe a pattern. */
  static PatternFacts of(Pattern pattern, String parameters) {
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
        pattern.density(),
        parameters,
        pattern.settings().patchesPerFrame(),
        Double.NaN);
  }

  /** The facts of a pattern of blocks, which knows no window of frames and no keyframes. */
  static PatternFacts ofBlocks(
      double density, String parameters, int blockTokens, double selectMillis) {
    return new PatternFacts(0, 0, 0, 0, 0, 0, 0, 0, density, parameters, blockTokens, selectMillis);
  }

  /** Whether the pattern is one of frames: the fields that count frames are 0 if it is not. */
  public boolean isFrames() {
    return keyFrameInterval > 0;
  }

  /** The speed-up if every skipped pair became time. */
  public double idealSpeedup() {
    return 1 / density;
  }
}
