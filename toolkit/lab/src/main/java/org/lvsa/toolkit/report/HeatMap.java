// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import java.awt.Color;
import java.awt.image.BufferedImage;

/** A matrix as a picture: blue for low values, over white, to red for high ones. */
public final class HeatMap {
  private static final Color LOW = new Color(0x0072B2);
  private static final Color MIDDLE = new Color(0xF7F7F7);
  private static final Color HIGH = new Color(0xD55E00);
  private static final int SIDE = 480;

  private HeatMap() {}

  /**
   * Draws a matrix, its first row at the top.
   *
   * @param values {@code [rows, columns]}
   * @param low what is drawn in the lowest colour, with all below it
   * @param high what is drawn in the highest colour, with all above it
   */
  public static BufferedImage draw(double[][] values, double low, double high) {
    int columns = values[0].length;
    int cell = Math.max(1, SIDE / Math.max(values.length, columns));
    BufferedImage image =
        new BufferedImage(columns * cell, values.length * cell, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        double share = (values[y / cell][x / cell] - low) / (high - low);
        image.setRGB(x, y, colour(Math.clamp(share, 0, 1)));
      }
    }
    return image;
  }

  private static int colour(double share) {
    return share < 0.5 ? between(LOW, MIDDLE, 2 * share) : between(MIDDLE, HIGH, 2 * share - 1);
  }

  private static int between(Color from, Color to, double share) {
    int red = (int) Math.round(from.getRed() + share * (to.getRed() - from.getRed()));
    int green = (int) Math.round(from.getGreen() + share * (to.getGreen() - from.getGreen()));
    int blue = (int) Math.round(from.getBlue() + share * (to.getBlue() - from.getBlue()));
    return red << 16 | green << 8 | blue;
  }
}
