// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.model.Resolution;

/**
 * Reads pictures from files: PNG, JPEG and what else Java's ImageIO knows.
 *
 * <p>What counts are the stored levels, as for the published pipelines: transparency is left out,
 * so a transparent pixel has the colour that is stored for it; grey becomes three equal colours; a
 * palette's entries are looked up; of 16 bits the upper eight are taken; colour profiles are not
 * applied. A picture that says in its EXIF data how it is to be turned is turned so.
 */
final class PictureFile {
  private PictureFile() {}

  /**
   * Reads a picture.
   *
   * @throws MalformedFileException if the file is missing, no picture, or of a kind that cannot be
   *     read
   */
  static Picture read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new MalformedFileException(file + ": no such picture");
    }
    try (ImageInputStream in = ImageIO.createImageInputStream(file.toFile())) {
      Iterator<ImageReader> readers = in == null ? null : ImageIO.getImageReaders(in);
      if (readers == null || !readers.hasNext()) {
        throw new MalformedFileException(
            file + ": not a picture that can be read; PNG and JPEG can");
      }
      ImageReader reader = readers.next();
      try {
        reader.setInput(in);
        BufferedImage image = reader.read(0);
        return Orientation.of(reader.getImageMetadata(0)).upright(picture(image));
      } finally {
        reader.dispose();
      }
    } catch (IOException | RuntimeException e) {
      if (e instanceof MalformedFileException) {
        throw (MalformedFileException) e;
      }
      throw new MalformedFileException(
          file
              + ": not a picture that can be read: "
              + Messages.cut(String.valueOf(e.getMessage())),
          e);
    }
  }

  /** The stored levels of a picture. */
  static Picture picture(BufferedImage image) {
    int width = image.getWidth();
    int height = image.getHeight();
    byte[] rgb = new byte[Math.multiplyExact(Picture.COLOURS, Math.multiplyExact(width, height))];
    Resolution size = new Resolution(width, height);
    if (image.getColorModel() instanceof IndexColorModel palette) {
      int[] indices = image.getRaster().getSamples(0, 0, width, height, 0, (int[]) null);
      for (int i = 0; i < indices.length; i++) {
        int colour = palette.getRGB(indices[i]);
        rgb[3 * i] = (byte) (colour >> 16);
        rgb[3 * i + 1] = (byte) (colour >> 8);
        rgb[3 * i + 2] = (byte) colour;
      }
      return new Picture(size, rgb);
    }
    // Java's own conversion would take grey levels for amounts of light and apply profiles.
    Raster raster = image.getRaster();
    int bands = raster.getNumBands();
    for (int colour = 0; colour < Picture.COLOURS; colour++) {
      int band = bands < Picture.COLOURS ? 0 : colour;
      int bits = raster.getSampleModel().getSampleSize(band);
      if (bits > 16) {
        throw new IllegalArgumentException(
            "it has " + bits + " bits per colour, at most 16 can be");
      }
      int[] row = new int[width];
      for (int y = 0; y < height; y++) {
        raster.getSamples(0, y, width, 1, band, row);
        for (int x = 0; x < width; x++) {
          int level = bits > 8 ? row[x] >> (bits - 8) : row[x] * 255 / ((1 << bits) - 1);
          rgb[Picture.COLOURS * (y * width + x) + colour] = (byte) level;
        }
      }
    }
    return new Picture(size, rgb);
  }
}
