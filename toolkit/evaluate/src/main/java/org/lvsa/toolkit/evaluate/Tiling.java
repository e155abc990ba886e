// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import org.lvsa.toolkit.evaluate.frame.Autocorrelation;
import org.lvsa.toolkit.evaluate.frame.GrayImage;

/** Repeated texture: how much a picture resembles itself when it is moved. */
final class Tiling {
  private static final int MARGIN = 8;

  /** Side and deviation of the square whose mean is taken away, for ours. */
  private static final int DETAIL_SIDE = 31;

  private static final double DETAIL_DEVIATION = 8;

  /** A picture whose detail is less than this, in levels, has no texture to repeat. */
  private static final double NO_DETAIL = 0.5;

  /** A picture that deviates less from its mean has one level. */
  private static final double ROUNDING = 1e-6;

  private Tiling() {}

  /**
   * The peak of the autocorrelation away from lag 0, 0 to 1.
   *
   * <p>Under upstream's rules a smooth picture has a high peak because it resembles itself when it
   * is moved a little further than what is left out, a picture of one level has NaN, and in one of
   * less than 8 rows or columns nearly all is left out. Under ours the picture's slow changes are
   * taken away first, and a picture without detail has 0.
   */
  static double peak(GrayImage image, Rules rules) {
    float[] values =
        rules == Rules.UPSTREAM ? image.levels() : image.detail(DETAIL_SIDE, DETAIL_DEVIATION);
    float[][] rows = Autocorrelation.reduced(image.width(), image.height(), values);
    Autocorrelation correlation = Autocorrelation.of(rows);
    int down = correlation.height() / MARGIN;
    int right = correlation.width() / MARGIN;
    double pixels = (double) correlation.width() * correlation.height();
    double deviation = Math.sqrt(Math.max(0, correlation.atZero()) / pixels);
    if (rules == Rules.UPSTREAM) {
      return deviation < ROUNDING ? Double.NaN : correlation.peak(down, right);
    }
    return deviation < NO_DETAIL
        ? 0
        : Math.min(1, correlation.peak(Math.max(1, down), Math.max(1, right)));
  }
}
