// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.lvsa.toolkit.model.Resolution;

/**
 * A scene for inputs without a file: textured discs on smooth paths over a textured background that
 * pans slowly, so that frames near in time resemble each other and far ones share the scenery.
 */
final class MovingScene implements VideoFrames {
  private static final int DISCS = 6;

  private final double[][] discs = new double[DISCS][];
  private final double[] texture = new double[12];

  MovingScene(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < DISCS; i++) {
      // radius, centre x and y, path width and height, speeds x and y, phase, colour, texture
      discs[i] =
          new double[] {
            random.nextDouble(0.06, 0.18),
            random.nextDouble(),
            random.nextDouble(),
            random.nextDouble(0.1, 0.4),
            random.nextDouble(0.1, 0.4),
            random.nextDouble(0.01, 0.05),
            random.nextDouble(0.01, 0.05),
            random.nextDouble(2 * Math.PI),
            random.nextDouble(),
            random.nextDouble(),
            random.nextDouble(),
            random.nextDouble(20, 60)
          };
    }
    for (int i = 0; i < texture.length; i++) {
      texture[i] = random.nextDouble(3, 40);
    }
  }

  @Override
  public void read(int count, Resolution size, Receiver receiver) {
    byte[] rgb = new byte[size.width() * size.height() * 3];
    for (int index = 0; index < count; index++) {
      int time = index;
      IntStream.range(0, size.height()).parallel().forEach(row -> draw(rgb, row, size, time));
      receiver.frame(index, rgb);
    }
  }

  private void draw(byte[] rgb, int row, Resolution size, int time) {
    double y = (double) row / size.height();
    for (int column = 0; column < size.width(); column++) {
      double x = (double) column / size.width();
      double pan = x + 0.002 * time;
      double red = background(0, pan, y);
      double green = background(4, pan, y);
      double blue = background(8, pan, y);
      for (double[] disc : discs) {
        double dx = x - disc[1] - disc[3] * Math.sin(disc[5] * time + disc[7]);
        double dy = y - disc[2] - disc[4] * Math.cos(disc[6] * time + disc[7]);
        if (dx * dx + dy * dy < disc[0] * disc[0]) {
          double shade = 0.75 + 0.25 * Math.sin(disc[11] * dx) * Math.cos(disc[11] * dy);
          red = disc[8] * shade;
          green = disc[9] * shade;
          blue = disc[10] * shade;
        }
      }
      int at = (row * size.width() + column) * 3;
      rgb[at] = (byte) (int) (255 * red);
      rgb[at + 1] = (byte) (int) (255 * green);
      rgb[at + 2] = (byte) (int) (255 * blue);
    }
  }

  private double background(int channel, double x, double y) {
    return 0.5
        + 0.25 * Math.sin(texture[channel] * x + texture[channel + 1] * y)
        + 0.24 * Math.sin(texture[channel + 2] * x) * Math.cos(texture[channel + 3] * y);
  }
}
