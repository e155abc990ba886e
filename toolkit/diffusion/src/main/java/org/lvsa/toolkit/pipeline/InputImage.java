// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;

/**
 * A picture that a pipeline is given.
 *
 * @param size pixels
 * @param rgb {@code [height, width, 3]}, levels from 0 to 255 as unsigned bytes
 */
public record InputImage(Resolution size, byte[] rgb) {
  /**
   * Reads a picture of any format that Java's ImageIO knows.
   *
   * @throws MalformedFileException if the file is missing or no picture
   */
  public static InputImage read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new MalformedFileException(file + ": no such picture");
    }
    BufferedImage image;
    try {
      image = ImageIO.read(file.toFile());
    } catch (IOException e) {
      throw new MalformedFileException(file + ": not a picture that can be read", e);
    }
    if (image == null) {
      throw new MalformedFileException(
          file + ": not a picture that can be read (PNG, JPEG, GIF, BMP)");
    }
    return of(image);
  }

  /** The colours of a picture; transparent parts keep the colour that is stored for them. */
  public static InputImage of(BufferedImage image) {
    int width = image.getWidth();
    int[] row = new int[width];
    byte[] rgb = new byte[Math.multiplyExact(3, Math.multiplyExact(width, image.getHeight()))];
    int at = 0;
    for (int y = 0; y < image.getHeight(); y++) {
      image.getRGB(0, y, width, 1, row, 0, width);
      for (int argb : row) {
        rgb[at++] = (byte) (argb >> 16);
        rgb[at++] = (byte) (argb >> 8);
        rgb[at++] = (byte) argb;
      }
    }
    return new InputImage(new Resolution(width, image.getHeight()), rgb);
  }

  /** What tells this picture from others. */
  String identity() {
    return size + " " + Fingerprint.of(rgb);
  }
}
