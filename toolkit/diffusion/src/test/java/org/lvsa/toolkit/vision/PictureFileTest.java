// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;

/** Kinds of pictures, and how each becomes red, green and blue. */
class PictureFileTest {
  @TempDir private Path directory;

  private Path write(BufferedImage image, String format) throws IOException {
    Path file = directory.resolve("picture." + format);
    assertTrue(ImageIO.write(image, format, file.toFile()), format);
    return file;
  }

  private static byte[] bytes(int... levels) {
    byte[] bytes = new byte[levels.length];
    for (int i = 0; i < levels.length; i++) {
      bytes[i] = (byte) levels[i];
    }
    return bytes;
  }

  @Test
  void transparencyIsLeftOut() throws IOException {
    BufferedImage image = new BufferedImage(2, 1, BufferedImage.TYPE_INT_ARGB);
    image.setRGB(0, 0, 0x00204060);
    image.setRGB(1, 0, 0x80FF0102);
    Picture read = Picture.read(write(image, "png"));
    assertEquals(new Resolution(2, 1), read.size());
    assertArrayEquals(bytes(0x20, 0x40, 0x60, 0xFF, 1, 2), read.rgb());
  }

  /** Stored levels: Java's own conversion makes 188 of a grey of 128. */
  @Test
  void greyBecomesThreeEqualColours() throws IOException {
    BufferedImage image = new BufferedImage(3, 1, BufferedImage.TYPE_BYTE_GRAY);
    image.getRaster().setSamples(0, 0, 3, 1, 0, new int[] {0, 128, 250});
    byte[] expected = bytes(0, 0, 0, 128, 128, 128, 250, 250, 250);
    assertArrayEquals(expected, Picture.read(write(image, "png")).rgb());
  }

  @Test
  void ofSixteenBitsTheUpperEightAreTaken() throws IOException {
    BufferedImage image = new BufferedImage(2, 1, BufferedImage.TYPE_USHORT_GRAY);
    image.getRaster().setSamples(0, 0, 2, 1, 0, new int[] {0x12FF, 0xFE00});
    byte[] expected = bytes(0x12, 0x12, 0x12, 0xFE, 0xFE, 0xFE);
    assertArrayEquals(expected, Picture.read(write(image, "png")).rgb());
  }

  @Test
  void palettesAreLookedUp() throws IOException {
    byte[] red = bytes(10, 20, 30, 40);
    byte[] green = bytes(50, 60, 70, 80);
    byte[] blue = bytes(90, 100, 110, 255);
    BufferedImage image =
        new BufferedImage(
            3, 1, BufferedImage.TYPE_BYTE_BINARY, new IndexColorModel(2, 4, red, green, blue));
    image.getRaster().setSamples(0, 0, 3, 1, 0, new int[] {3, 0, 2});
    assertArrayEquals(
        bytes(40, 80, 255, 10, 50, 90, 30, 70, 110), Picture.read(write(image, "png")).rgb());
  }

  /** The corners of a stored picture of 16x8 pixels, and where EXIF's orientation puts them. */
  @ParameterizedTest
  @CsvSource({
    "1, 16x8, 0 1 2 3",
    "2, 16x8, 1 0 3 2",
    "3, 16x8, 3 2 1 0",
    "4, 16x8, 2 3 0 1",
    "5, 8x16, 0 2 1 3",
    "6, 8x16, 2 0 3 1",
    "7, 8x16, 3 1 2 0",
    "8, 8x16, 1 3 0 2",
    "9, 16x8, 0 1 2 3"
  })
  void picturesAreTurnedAsTheirExifSays(int orientation, String size, String corners)
      throws IOException {
    BufferedImage image = new BufferedImage(16, 8, BufferedImage.TYPE_INT_RGB);
    int[] colours = {0xE01010, 0x10E010, 0x1010E0, 0xE0E0E0};
    for (int y = 0; y < 8; y++) {
      for (int x = 0; x < 16; x++) {
        image.setRGB(x, y, colours[y / 4 * 2 + x / 8]);
      }
    }
    Path jpeg = write(image, "jpg");
    Files.write(jpeg, withExif(Files.readAllBytes(jpeg), orientation));
    Path png = write(image, "png");
    Files.write(png, withExifChunk(Files.readAllBytes(png), orientation));
    for (Path file : new Path[] {jpeg, png}) {
      Picture read = Picture.read(file);
      assertEquals(size, read.size().toString(), file.toString());
      StringBuilder found = new StringBuilder();
      for (int corner = 0; corner < 4; corner++) {
        int x = corner % 2 == 0 ? 1 : read.size().width() - 2;
        int y = corner / 2 == 0 ? 1 : read.size().height() - 2;
        found.append(corner == 0 ? "" : " ").append(nearest(read, x, y, colours));
      }
      assertEquals(corners, found.toString(), file.toString());
    }
  }

  private static int nearest(Picture picture, int x, int y, int[] colours) {
    int at = Picture.COLOURS * (y * picture.size().width() + x);
    for (int i = 0; i < colours.length; i++) {
      int distance = 0;
      for (int c = 0; c < Picture.COLOURS; c++) {
        int level = Byte.toUnsignedInt(picture.rgb()[at + c]);
        distance += Math.abs(level - (colours[i] >> (16 - 8 * c) & 0xFF));
      }
      if (distance < 100) {
        return i;
      }
    }
    return -1;
  }

  /** A directory of one entry as in a TIFF file: orientation, a 16-bit number. */
  private static byte[] exif(int orientation, ByteOrder order) {
    ByteBuffer tiff = ByteBuffer.allocate(26).order(order);
    tiff.put((byte) (order == ByteOrder.LITTLE_ENDIAN ? 'I' : 'M')).put(tiff.get(0));
    tiff.putShort((short) 42).putInt(8).putShort((short) 1);
    tiff.putShort((short) 274).putShort((short) 3).putInt(1).putShort((short) orientation);
    return tiff.array();
  }

  /** Behind the start of image and the JFIF segment. */
  private static byte[] withExif(byte[] jpeg, int orientation) throws IOException {
    int behind = 4 + (Byte.toUnsignedInt(jpeg[4]) << 8 | Byte.toUnsignedInt(jpeg[5]));
    byte[] exif = exif(orientation, ByteOrder.LITTLE_ENDIAN);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(jpeg, 0, behind);
    out.write(bytes(0xFF, 0xE1, 0, 2 + 6 + exif.length));
    out.write("Exif\0\0".getBytes(StandardCharsets.ISO_8859_1));
    out.write(exif);
    out.write(jpeg, behind, jpeg.length - behind);
    return out.toByteArray();
  }

  /** Behind the header, which is 8 bytes and a chunk of 25. */
  private static byte[] withExifChunk(byte[] png, int orientation) throws IOException {
    byte[] exif = exif(orientation, ByteOrder.BIG_ENDIAN);
    ByteBuffer chunk = ByteBuffer.allocate(12 + exif.length).putInt(exif.length);
    chunk.put("eXIf".getBytes(StandardCharsets.ISO_8859_1)).put(exif);
    CRC32 sum = new CRC32();
    sum.update(chunk.array(), 4, 4 + exif.length);
    chunk.putInt((int) sum.getValue());
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(png, 0, 33);
    out.write(chunk.array());
    out.write(png, 33, png.length - 33);
    return out.toByteArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"none.png", "text.png", "cut.png", "folder"})
  void whatIsNoPictureIsNamed(String name) throws IOException {
    Path file = directory.resolve(name);
    if (name.equals("text.png")) {
      Files.writeString(file, "no picture");
    } else if (name.equals("cut.png")) {
      byte[] whole = Files.readAllBytes(write(new BufferedImage(9, 9, 1), "png"));
      Files.write(file, Arrays.copyOf(whole, 40));
    } else if (name.equals("folder")) {
      Files.createDirectory(file);
    }
    String message =
        assertThrows(MalformedFileException.class, () -> Picture.read(file)).getMessage();
    assertTrue(message.startsWith(file + ": "), message);
    assertEquals(1, message.lines().count(), message);
  }

  @Test
  void theMiddleAndSizesThatDoNotFit() {
    Picture row = new Picture(new Resolution(4, 1), bytes(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3));
    assertArrayEquals(bytes(0, 0, 0, 1, 1, 1, 2, 2, 2), row.centre(new Resolution(3, 1)).rgb());
    assertArrayEquals(bytes(1, 1, 1, 2, 2, 2), row.centre(new Resolution(2, 1)).rgb());
    assertThrows(IllegalArgumentException.class, () -> row.centre(new Resolution(2, 2)));
    assertThrows(
        IllegalArgumentException.class, () -> new Picture(new Resolution(2, 2), new byte[11]));
  }
}
