// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.lvsa.toolkit.model.Resolution;

/**
 * A picture of red, green and blue.
 *
 * @param size pixels
 * @param rgb {@code [height, width, 3]}, levels from 0 to 255 as unsigned bytes
 */
public record Picture(Resolution size, byte[] rgb) {
  /** Colours of a pixel. */
  public static final int COLOURS = 3;

  /** Bits behind the point of a weight, as the Python Imaging Library has them for bytes. */
  private static final int PRECISION = 22;

  /** There are as many levels as the size says. */
  public Picture {
    long levels = (long) COLOURS * size.width() * size.height();
    if (rgb.length != levels) {
      throw new IllegalArgumentException(
          "a picture of " + size + " has " + levels + " levels, got " + rgb.length);
    }
  }

  /**
   * Reads a PNG, a JPEG, or another picture that Java's ImageIO knows. Transparency and colour
   * profiles are left out, of 16 bits the upper eight are taken, and the picture is turned as its
   * EXIF data say.
   *
   * @throws org.lvsa.toolkit.io.MalformedFileException if the file is missing, no picture, or of a
   *     kind that cannot be read
   */
  public static Picture read(Path file) {
    return PictureFile.read(file);
  }

  /** The stored levels of a picture, read as {@link #read} says. */
  public static Picture of(BufferedImage image) {
    return PictureFile.picture(image);
  }

  /**
   * The picture in another size, the same to the bit as the Python Imaging Library makes it: rows
   * first, rounded to whole levels, then columns.
   */
  public Picture resized(Resolution to, Resampling resampling) {
    Picture rows =
        to.width() == size.width()
            ? this
            : new Picture(
                new Resolution(to.width(), size.height()),
                resized(Axis.rows(size), to.width(), resampling));
    return to.height() == size.height()
        ? rows
        : new Picture(to, rows.resized(Axis.columns(rows.size), to.height(), resampling));
  }

  /**
   * The lines of a picture along an axis.
   *
   * @param lines number of lines
   * @param length pixels of a line
   * @param lineStep pixels from the start of one line to the next
   * @param step pixels from one pixel of a line to the next
   */
  private record Axis(int lines, int length, int lineStep, int step) {
    static Axis rows(Resolution size) {
      return new Axis(size.height(), size.width(), size.width(), 1);
    }

    static Axis columns(Resolution size) {
      return new Axis(size.width(), size.height(), 1, size.width());
    }

    /** The same lines with another number of pixels. */
    Axis ofLength(int other) {
      return step == 1 ? new Axis(lines, other, other, 1) : new Axis(lines, other, 1, lines);
    }
  }

  private byte[] resized(Axis from, int length, Resampling resampling) {
    Window[] windows = new Window[length];
    for (int i = 0; i < length; i++) {
      windows[i] = Window.of(i, from.length(), length, resampling);
    }
    Axis to = from.ofLength(length);
    byte[] out = new byte[COLOURS * to.lines() * length];
    IntStream.range(0, from.lines())
        .parallel()
        .forEach(
            line -> {
              for (int i = 0; i < length; i++) {
                for (int colour = 0; colour < COLOURS; colour++) {
                  int at = COLOURS * (line * to.lineStep() + i * to.step()) + colour;
                  out[at] = windows[i].level(rgb, from, line, colour);
                }
              }
            });
    return out;
  }

  /**
   * The pixels that a result is the mean of.
   *
   * @param first the first of them
   * @param weights one per pixel, times two to the power of {@link #PRECISION}
   */
  private record Window(int first, int[] weights) {
    static Window of(int index, int from, int to, Resampling resampling) {
      double scale = (double) from / to;
      double stretch = Math.max(1, scale);
      double centre = (index + 0.5) * scale;
      double support = resampling.support() * stretch;
      int first = Math.max(0, (int) (centre - support + 0.5));
      int end = Math.min(from, (int) (centre + support + 0.5));
      double[] weights = new double[end - first];
      double sum = 0;
      for (int i = 0; i < weights.length; i++) {
        weights[i] = resampling.weight((first + i - centre + 0.5) / stretch);
        sum += weights[i];
      }
      int[] whole = new int[weights.length];
      for (int i = 0; i < whole.length; i++) {
        double weight = weights[i] / sum * (1 << PRECISION);
        whole[i] = (int) (weight + Math.copySign(0.5, weight));
      }
      return new Window(first, whole);
    }

    byte level(byte[] rgb, Axis axis, int line, int colour) {
      int sum = 1 << (PRECISION - 1);
      for (int i = 0; i < weights.length; i++) {
        int pixel = line * axis.lineStep() + (first + i) * axis.step();
        sum += Byte.toUnsignedInt(rgb[COLOURS * pixel + colour]) * weights[i];
      }
      return (byte) Math.clamp(sum >> PRECISION, 0, 255);
    }
  }

  /**
   * The picture as large as is needed to cover a size, its shape kept, and the middle of it cut
   * out.
   */
  public Picture covering(Resolution to, Resampling resampling) {
    long width = to.width();
    long height = to.height();
    boolean wider = width * size.height() > size.width() * height;
    Resolution large =
        wider
            ? new Resolution(to.width(), Math.toIntExact(size.height() * width / size.width()))
            : new Resolution(Math.toIntExact(size.width() * height / size.height()), to.height());
    return resized(large, resampling).centre(to);
  }

  /** Levels as an autoencoder takes them: {@code [height, width, 3]} from −1 to 1. */
  public float[] signedLevels() {
    float[] values = new float[rgb.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = 2 * (Byte.toUnsignedInt(rgb[i]) / 255f) - 1;
    }
    return values;
  }

  /** The middle of the picture; where that is not exact, half a pixel further up and left. */
  public Picture centre(Resolution to) {
    if (to.width() > size.width() || to.height() > size.height()) {
      throw new IllegalArgumentException("a picture of " + size + " has no middle of " + to);
    }
    int left = (size.width() - to.width()) / 2;
    int top = (size.height() - to.height()) / 2;
    byte[] middle = new byte[COLOURS * to.width() * to.height()];
    int row = COLOURS * to.width();
    for (int y = 0; y < to.height(); y++) {
      System.arraycopy(rgb, COLOURS * ((top + y) * size.width() + left), middle, y * row, row);
    }
    return new Picture(to, middle);
  }
}
