// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import org.lvsa.toolkit.evaluate.frame.GrayImage;

/**
 * Banding: steps of brightness where there should be a slope.
 *
 * @param flatPixels pixels without a gradient
 * @param flatShare their share
 * @param distance mean distance of flat pixels from the nearest multiple of 8 levels, 0 to 4
 * @param severity 0 to 0.7
 */
record Banding(int flatPixels, double flatShare, double distance, double severity) {
  /** A frame of which more is banded counts as banded. */
  static final double BANDED = 0.1;

  private static final int FLAT_BELOW = 4;
  private static final int STEP = 8;
  private static final double USUAL_SHARE = 0.3;

  /** Looks at a frame. */
  static Banding of(GrayImage image, Rules rules) {
    int[] gradient = image.squaredGradient();
    long[] levels = new long[256];
    int flat = 0;
    for (int pixel = 0; pixel < gradient.length; pixel++) {
      if (gradient[pixel] < FLAT_BELOW) {
        flat++;
        levels[image.level(pixel)]++;
      }
    }
    double share = (double) flat / gradient.length;
    double distance =
        rules == Rules.UPSTREAM ? distance(levels, flat, 0) : nearestPhase(levels, flat);
    boolean bands = rules == Rules.UPSTREAM || severalLevels(levels, flat);
    double severity =
        share > USUAL_SHARE && bands ? (share - USUAL_SHARE) * (1 - distance / (STEP / 2)) : 0;
    return new Banding(flat, share, distance, severity);
  }

  /** Mean distance from the nearest of the levels {@code phase}, {@code phase} + 8, and so on. */
  private static double distance(long[] levels, int flat, int phase) {
    if (flat == 0) {
      return 0;
    }
    long sum = 0;
    for (int level = 0; level < levels.length; level++) {
      int above = Math.floorMod(level - phase, STEP);
      sum += levels[level] * Math.min(above, STEP - above);
    }
    return (float) ((double) sum / flat);
  }

  /** The distance from whichever levels, 8 apart, are nearest: bands may begin anywhere. */
  private static double nearestPhase(long[] levels, int flat) {
    double nearest = Double.POSITIVE_INFINITY;
    for (int phase = 0; phase < STEP; phase++) {
      nearest = Math.min(nearest, distance(levels, flat, phase));
    }
    return nearest;
  }

  /** An area of one level is no band: it has no step to the next one. */
  private static boolean severalLevels(long[] levels, int flat) {
    int large = 0;
    for (long count : levels) {
      large += count > 0.01 * flat ? 1 : 0;
    }
    return large > 1;
  }
}
