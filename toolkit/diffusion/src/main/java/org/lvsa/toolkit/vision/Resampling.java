// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * How a picture is brought to another size: by weighted means of the pixels around each place, with
 * wider windows where the picture shrinks, so that no detail turns into a pattern.
 */
public enum Resampling {
  /** Lanczos' window of three lobes on each side. */
  LANCZOS(3) {
    @Override
    double weight(double distance) {
      return Math.abs(distance) < 3 ? sinc(distance) * sinc(distance / 3) : 0;
    }
  },
  /** Cubic polynomials with the parameter −1/2 (Keys 1981). */
  BICUBIC(2) {
    @Override
    double weight(double distance) {
      double d = Math.abs(distance);
      if (d < 1) {
        return (1.5 * d - 2.5) * d * d + 1;
      }
      return d < 2 ? -0.5 * (((d - 5) * d + 8) * d - 4) : 0;
    }
  },
  /** A line down to the next pixel. */
  BILINEAR(1) {
    @Override
    double weight(double distance) {
      return Math.max(0, 1 - Math.abs(distance));
    }
  };

  private final double support;

  Resampling(double support) {
    this.support = support;
  }

  /**
   * Reads {@code resample}, a number of the Python Imaging Library; what is not supported is named.
   *
   * @param otherwise where the key is missing
   */
  static Resampling of(ComponentConfig config, Resampling otherwise) {
    config.require("resample", 1, 2, 3);
    if (!config.has("resample")) {
      return otherwise;
    }
    return switch (config.size("resample")) {
      case 1 -> LANCZOS;
      case 2 -> BILINEAR;
      default -> BICUBIC;
    };
  }

  /** Distance in pixels from which all weights are 0, where the size stays. */
  double support() {
    return support;
  }

  /** The weight of a pixel at that distance, before weights are made to add up to 1. */
  abstract double weight(double distance);

  private static double sinc(double x) {
    return x == 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  }
}
