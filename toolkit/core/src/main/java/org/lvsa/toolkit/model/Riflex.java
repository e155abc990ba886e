// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

/**
 * RIFLEx (arXiv 2502.15894): a video longer than training repeats itself with the period of one
 * temporal rotary frequency, the one whose period is nearest the training length; that one is
 * slowed down so that it does not come round within the longer video. It composes with sparse
 * attention, which does not touch positions.
 */
public final class Riflex {
  private Riflex() {}

  /** Index of the frequency whose period {@code 2π/f} is nearest to {@code trainingFrames}. */
  public static int intrinsic(double[] temporal, int trainingFrames) {
    int nearest = 0;
    for (int i = 1; i < temporal.length; i++) {
      if (distance(temporal[i], trainingFrames) < distance(temporal[nearest], trainingFrames)) {
        nearest = i;
      }
    }
    return nearest;
  }

  private static double distance(double frequency, int frames) {
    return Math.abs(2 * Math.PI / frequency - frames);
  }

  /**
   * The temporal frequencies for a video {@code scale} times as long as training.
   *
   * @param temporal radians per latent frame
   * @param trainingFrames latent frames of training, L
   * @param scale s; 1 changes nothing
   * @return new frequencies; the intrinsic one is {@code 2π / (L·s)}
   * @throws IllegalArgumentException if the scale is below 1
   */
  public static double[] frequencies(double[] temporal, int trainingFrames, double scale) {
    if (!(scale >= 1)) {
      throw new IllegalArgumentException("scale must be at least 1, got " + scale);
    }
    double[] changed = temporal.clone();
    if (scale > 1) {
      changed[intrinsic(temporal, trainingFrames)] = 2 * Math.PI / (trainingFrames * scale);
    }
    return changed;
  }
}
