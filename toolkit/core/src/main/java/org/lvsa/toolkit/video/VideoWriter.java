// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.video;

import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.lvsa.toolkit.io.OutputFile;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.model.Resolution;

/**
 * Writes frames as an mp4 file or as pictures. An output appears under its name only when all its
 * frames are written; nothing is left behind if writing fails or the process ends.
 */
public final class VideoWriter {
  private static final Pattern FRAME = Pattern.compile("frame-(\\d{5})\\.png");

  private VideoWriter() {}

  /** Takes frames, in order. */
  @FunctionalInterface
  public interface Frames {
    /**
     * Takes the next frame.
     *
     * @param rgb {@code [height, width, 3]}, red, green and blue as unsigned bytes
     * @throws IOException if it cannot be written
     */
    void write(byte[] rgb) throws IOException;
  }

  /** Makes the frames of a video. */
  @FunctionalInterface
  public interface Body {
    /** Gives all frames to {@code frames}. */
    void write(Frames frames) throws IOException;
  }

  /**
   * Judges whether there can be an mp4 file of that size and rate, before any work is done for it.
   *
   * @throws IllegalArgumentException if width or height is odd, which encoders of video do not
   *     take, or the rate is not above 0 and at most 1000
   */
  public static void checkMp4(Resolution size, double framesPerSecond) {
    if (size.width() % 2 != 0 || size.height() % 2 != 0) {
      throw new IllegalArgumentException(
          "an mp4 needs an even width and height, got " + size + "; pictures can have any size");
    }
    if (!(framesPerSecond > 0) || framesPerSecond > 1000) {
      throw new IllegalArgumentException(
          "frames per second must be above 0 and at most 1000, got " + framesPerSecond);
    }
  }

  /**
   * Writes an mp4 file with a constant rate. The first frame decides the codec, see {@link
   * Codec#of}; its quality is so high that coding is not seen.
   *
   * @param framesPerSecond above 0 and at most 1000
   * @return the codec
   * @throws IllegalArgumentException as {@link #checkMp4}, if a frame has another size, if there is
   *     no frame, or if the file cannot be written there
   * @throws IOException if writing fails
   */
  public static Codec mp4(Path file, Resolution size, double framesPerSecond, Body body)
      throws IOException {
    checkMp4(size, framesPerSecond);
    Codec[] chosen = {null};
    OutputFile.writePath(
        file,
        unfinished -> {
          try (Mp4 mp4 = new Mp4(unfinished, size, framesPerSecond)) {
            body.write(mp4);
            chosen[0] = mp4.finish();
          }
        });
    return chosen[0];
  }

  /**
   * Writes pictures {@code frame-00000.png}, {@code frame-00001.png} and so on. Frames of a longer
   * video that the directory held before are removed when the new ones are there; whatever has
   * another name stays.
   *
   * @param directory made if it is not there; its parent must be
   * @throws IllegalArgumentException if the directory cannot be written there
   * @throws IOException if writing fails
   */
  public static void png(Path directory, Resolution size, Body body) throws IOException {
    int[] count = {0};
    OutputFile.writeDirectory(
        directory,
        unfinished -> {
          body.write(
              rgb -> {
                checkFrame(size, rgb);
                String name = String.format(Locale.ROOT, "frame-%05d.png", count[0]++);
                Files.write(unfinished.resolve(name), Png.bytes(image(size, rgb)));
              });
        });
    List<Path> files;
    try (Stream<Path> all = Files.list(directory)) {
      files = all.toList();
    }
    for (Path file : files) {
      Matcher frame = FRAME.matcher(file.getFileName().toString());
      if (frame.matches() && Integer.parseInt(frame.group(1)) >= count[0]) {
        Files.delete(file);
      }
    }
  }

  /** A frame as a picture. */
  public static BufferedImage image(Resolution size, byte[] rgb) {
    checkFrame(size, rgb);
    BufferedImage image =
        new BufferedImage(size.width(), size.height(), BufferedImage.TYPE_3BYTE_BGR);
    byte[] bgr = ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
    for (int pixel = 0; pixel < rgb.length; pixel += 3) {
      bgr[pixel] = rgb[pixel + 2];
      bgr[pixel + 1] = rgb[pixel + 1];
      bgr[pixel + 2] = rgb[pixel];
    }
    return image;
  }

  static void checkFrame(Resolution size, byte[] rgb) {
    if (rgb.length != size.width() * size.height() * 3) {
      throw new IllegalArgumentException(
          "a frame of "
              + size
              + " has "
              + 3 * size.width() * size.height()
              + " bytes, got "
              + rgb.length);
    }
  }
}
