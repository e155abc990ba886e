// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * Pictures as PNG. A picture is encoded in memory and then written: Java's encoder keeps a file of
 * its own in between, and hides why writing failed.
 */
public final class Png {
  private Png() {}

  /** The picture as the bytes of a PNG file. */
  public static byte[] bytes(BufferedImage picture) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ImageOutputStream png = new MemoryCacheImageOutputStream(bytes)) {
      if (!ImageIO.write(picture, "png", png)) {
        throw new IOException("this Java runtime has no PNG encoder");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /**
   * Writes the picture as a PNG file, whole or not at all.
   *
   * @throws IllegalArgumentException as {@link OutputFile#check}
   * @throws IOException if writing fails, with the file and the reason
   */
  public static void write(BufferedImage picture, Path file) throws IOException {
    OutputFile.write(file, out -> out.write(bytes(picture)));
  }
}
