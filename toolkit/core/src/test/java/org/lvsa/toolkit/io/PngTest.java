// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PngTest {
  private static BufferedImage noise(long seed) {
    BufferedImage picture = new BufferedImage(33, 17, BufferedImage.TYPE_INT_RGB);
    Random random = new Random(seed);
    for (int y = 0; y < picture.getHeight(); y++) {
      for (int x = 0; x < picture.getWidth(); x++) {
        picture.setRGB(x, y, random.nextInt() | 0xff000000);
      }
    }
    return picture;
  }

  @Test
  void thePictureReadBackIsThePicture(@TempDir Path directory) throws IOException {
    long seed = new Random().nextLong();
    BufferedImage picture = noise(seed);
    Path file = directory.resolve("noise.png");
    Png.write(picture, file);
    BufferedImage read = ImageIO.read(file.toFile());
    for (int y = 0; y < picture.getHeight(); y++) {
      for (int x = 0; x < picture.getWidth(); x++) {
        assertEquals(picture.getRGB(x, y), read.getRGB(x, y), "seed " + seed);
      }
    }
    assertEquals(17, ImageIO.read(new ByteArrayInputStream(Png.bytes(picture))).getHeight());
  }

  @Test
  void aFailureLeavesTheOldPictureAndNothingElse(@TempDir Path directory) throws IOException {
    Path old = directory.resolve("mask.png");
    Files.createDirectory(old);
    assertThrows(IllegalArgumentException.class, () -> Png.write(noise(1), old));
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(List.of(old), files.toList());
    }
  }
}
