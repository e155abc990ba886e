// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.frame;

import java.util.List;
import java.util.OptionalDouble;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * Which frames of a video are judged: all of a short one, about two per second of a longer one.
 *
 * @param framesPerSecond in a video of more than {@value #ALL_UP_TO} seconds; 0 for all frames
 * @param regular whether judged frames are equally far apart; otherwise, as the published tool
 *     does, the middle and the last frame are judged too, which shortens the steps before them
 */
public record Sampling(double framesPerSecond, boolean regular) {
  /** Up to this many seconds, all frames are judged. */
  public static final double ALL_UP_TO = 5.0;

  /** Of a longer video, this many frames per second are judged, unless the user says otherwise. */
  public static final double USUAL = 2.0;

  /** Checks the rate. */
  public Sampling {
    if (!(framesPerSecond >= 0) || Double.isInfinite(framesPerSecond)) {
      throw new IllegalArgumentException(
          "--sample-fps must be 0 (all frames) or more, got " + framesPerSecond);
    }
  }

  /** With the rate that the user gave, or the usual one. */
  public static Sampling of(OptionalDouble framesPerSecond, boolean regular) {
    return new Sampling(framesPerSecond.orElse(USUAL), regular);
  }

  /** Frames from one judged frame to the next. */
  public int step(double frameRate, long totalFrames) {
    double duration = frameRate > 0 ? totalFrames / frameRate : 0;
    if (duration <= ALL_UP_TO || framesPerSecond == 0) {
      return 1;
    }
    return (int) Math.max(1, Math.min(Integer.MAX_VALUE, Math.floor(frameRate / framesPerSecond)));
  }

  /**
   * The judged frames' numbers, ascending.
   *
   * @param totalFrames how many the file says it has, at least 1
   */
  public List<Integer> indices(double frameRate, int totalFrames) {
    int step = step(frameRate, totalFrames);
    TreeSet<Integer> indices = new TreeSet<>();
    IntStream.iterate(0, i -> i >= 0 && i < totalFrames, i -> i + step).forEach(indices::add);
    if (!regular && step > 1) {
      indices.add(totalFrames - 1);
      indices.add(totalFrames / 2);
    }
    return List.copyOf(indices);
  }
}
