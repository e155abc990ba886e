// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.model.Resolution;

/**
 * The sizes that HunyuanVideo 1.5 was trained with: those of about one area whose sides are
 * multiples of a latent pixel's, no side more than four times the other.
 */
final class SizeBuckets {
  private static final double LARGEST_RATIO = 4;
  private static final double DECIMALS = 1e5;

  private SizeBuckets() {}

  /**
   * The size nearest to a shape: of those no flatter than a wide shape, and no narrower than a tall
   * one, the one of the nearest ratio.
   *
   * @param height of the shape
   * @param width of the shape
   * @param target side of a square of the area
   * @param unit what sides are multiples of
   */
  static Resolution nearest(double height, double width, int target, int unit) {
    double wanted = height / width;
    Resolution nearest = null;
    double least = Double.POSITIVE_INFINITY;
    for (Resolution size : sizes(target, unit)) {
      double ratio = Math.rint((double) size.height() / size.width() * DECIMALS) / DECIMALS;
      double difference = wanted >= 1 ? wanted - ratio : ratio - wanted;
      if (difference >= 0 && difference < least) {
        least = difference;
        nearest = size;
      }
    }
    return nearest;
  }

  /** For each height, the widest that the area has room for; the tallest first. */
  private static List<Resolution> sizes(int target, int unit) {
    int area = (int) Math.rint(Math.pow((double) target / unit, 2));
    List<Resolution> sizes = new ArrayList<>();
    int rows = area;
    int columns = 1;
    while (rows > 0) {
      double ratio = (double) Math.max(rows, columns) / Math.min(rows, columns);
      if (ratio <= LARGEST_RATIO) {
        sizes.add(new Resolution(columns * unit, rows * unit));
      }
      if ((columns + 1L) * rows <= area) {
        columns++;
      } else {
        rows--;
      }
    }
    return sizes;
  }
}
