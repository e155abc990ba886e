// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;

/** The frames that {@code generate --output-type png} wrote. */
final class PngFrames {
  private PngFrames() {}

  /**
   * Reads frame after frame, from number 0 until there is none.
   *
   * @return bytes of {@code [height, width, 3]} each
   */
  static List<byte[]> read(Path folder) throws IOException {
    List<byte[]> frames = new ArrayList<>();
    while (true) {
      Path file = folder.resolve(String.format(Locale.ROOT, "frame-%05d.png", frames.size()));
      if (!Files.exists(file)) {
        return frames;
      }
      frames.add(rgb(ImageIO.read(file.toFile())));
    }
  }

  private static byte[] rgb(BufferedImage image) {
    byte[] bytes = new byte[image.getHeight() * image.getWidth() * 3];
    for (int p = 0; p < image.getHeight() * image.getWidth(); p++) {
      int rgb = image.getRGB(p % image.getWidth(), p / image.getWidth());
      bytes[3 * p] = (byte) (rgb >> 16);
      bytes[3 * p + 1] = (byte) (rgb >> 8);
      bytes[3 * p + 2] = (byte) rgb;
    }
    return bytes;
  }
}
