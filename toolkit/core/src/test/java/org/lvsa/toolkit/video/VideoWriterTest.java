// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.video;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacv.FFmpegFrameGrabber;
import org.bytedeco.javacv.Frame;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.model.Resolution;

/** Videos written and read back. */
class VideoWriterTest {
  @TempDir private Path directory;

  private record Read(List<byte[]> frames, Resolution size, double rate, String codec) {}

  /** Colours that move, with a little noise, as a decoded video has. */
  private static List<byte[]> scene(Resolution size, int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<byte[]> frames = new ArrayList<>();
    for (int t = 0; t < count; t++) {
      byte[] rgb = new byte[size.width() * size.height() * 3];
      for (int y = 0; y < size.height(); y++) {
        for (int x = 0; x < size.width(); x++) {
          int at = (y * size.width() + x) * 3;
          for (int c = 0; c < 3; c++) {
            double wave = Math.sin((x + 3 * t) * 0.15 + c) * Math.cos((y - t) * 0.1 - c);
            rgb[at + c] =
                (byte) Math.clamp((long) (128 + 100 * wave + random.nextInt(9) - 4), 0, 255);
          }
        }
      }
      frames.add(rgb);
    }
    return frames;
  }

  private static Read read(Path file) throws IOException {
    try (FFmpegFrameGrabber grabber = new FFmpegFrameGrabber(file.toFile())) {
      grabber.setPixelFormat(avutil.AV_PIX_FMT_RGB24);
      grabber.start();
      Resolution size = new Resolution(grabber.getImageWidth(), grabber.getImageHeight());
      List<byte[]> frames = new ArrayList<>();
      for (Frame frame = grabber.grabImage(); frame != null; frame = grabber.grabImage()) {
        byte[] rgb = new byte[size.width() * size.height() * 3];
        ByteBuffer image = (ByteBuffer) frame.image[0];
        for (int y = 0; y < size.height(); y++) {
          image.get(y * frame.imageStride, rgb, y * size.width() * 3, size.width() * 3);
        }
        frames.add(rgb);
      }
      return new Read(frames, size, grabber.getVideoFrameRate(), grabber.getVideoCodecName());
    }
  }

  /** Each pixel another colour, as the frames of a model with random weights have. */
  private static List<byte[]> noise(Resolution size, int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<byte[]> frames = new ArrayList<>();
    for (int t = 0; t < count; t++) {
      byte[] rgb = new byte[size.width() * size.height() * 3];
      for (int e = 0; e < rgb.length; e++) {
        rgb[e] = (byte) Math.clamp((long) (128 + 36 * random.nextGaussian()), 0, 255);
      }
      frames.add(rgb);
    }
    return frames;
  }

  private static void give(List<byte[]> frames, VideoWriter.Frames to) throws IOException {
    for (byte[] frame : frames) {
      to.write(frame);
    }
  }

  /** Size, number, rate and picture come back; wide and narrow, one frame and many. */
  @ParameterizedTest
  @CsvSource({
    "96, 64, 17, 16, scene, H264",
    "80, 48, 17, 15, scene, H264",
    "208, 120, 33, 24, scene, H264",
    "64, 64, 1, 16, scene, H264",
    "34, 18, 5, 29.97, scene, H264",
    "80, 48, 17, 16, noise, VP9",
    "82, 46, 1, 8, noise, VP9",
  })
  void mp4ComesBack(int width, int height, int count, double rate, String content, Codec codec)
      throws IOException {
    Resolution size = new Resolution(width, height);
    long seed = new SplittableRandom().nextLong();
    List<byte[]> frames =
        content.equals("scene") ? scene(size, count, seed) : noise(size, count, seed);
    Path file = directory.resolve("video.mp4");
    assertEquals(codec, VideoWriter.mp4(file, size, rate, to -> give(frames, to)));
    Read read = read(file);
    assertEquals(size, read.size());
    assertEquals(count, read.frames().size());
    assertEquals(rate, read.rate(), 1e-3);
    double worst = Double.MAX_VALUE;
    for (int t = 0; t < count; t++) {
      worst = Math.min(worst, FrameMetrics.psnr(frames.get(t), read.frames().get(t)));
    }
    assertTrue(worst >= 32, "seed " + seed + ": worst frame at " + worst + " dB");
    onlyFile("video.mp4");
  }

  private void onlyFile(String... names) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(
          List.of(names), files.map(file -> file.getFileName().toString()).sorted().toList());
    }
  }

  @Test
  void framesOfALongerVideoGoAndOtherFilesStay() throws IOException {
    Resolution size = new Resolution(8, 6);
    Path pictures = directory.resolve("pictures");
    VideoWriter.png(pictures, size, to -> give(scene(size, 5, 1), to));
    Files.writeString(pictures.resolve("frame-00004.png.txt"), "mine");
    Files.writeString(pictures.resolve("frame-4.png"), "mine");
    VideoWriter.png(pictures, size, to -> give(scene(size, 3, 2), to));
    try (Stream<Path> files = Files.list(pictures)) {
      assertEquals(
          List.of(
              "frame-00000.png",
              "frame-00001.png",
              "frame-00002.png",
              "frame-00004.png.txt",
              "frame-4.png"),
          files.map(file -> file.getFileName().toString()).sorted().toList());
    }
  }

  @Test
  void picturesComeBackExactly() throws IOException {
    Resolution size = new Resolution(37, 11);
    List<byte[]> frames = scene(size, 3, 5);
    Path pictures = directory.resolve("pictures");
    VideoWriter.png(pictures, size, to -> give(frames, to));
    for (int t = 0; t < 3; t++) {
      var image = ImageIO.read(pictures.resolve("frame-0000" + t + ".png").toFile());
      byte[] rgb = new byte[37 * 11 * 3];
      for (int p = 0; p < 37 * 11; p++) {
        int colour = image.getRGB(p % 37, p / 37);
        rgb[3 * p] = (byte) (colour >> 16);
        rgb[3 * p + 1] = (byte) (colour >> 8);
        rgb[3 * p + 2] = (byte) colour;
      }
      assertArrayEquals(frames.get(t), rgb);
    }
    try (Stream<Path> files = Files.list(pictures)) {
      assertEquals(3, files.count());
    }
  }

  /** A failure on the way leaves nothing, and what was there before stays. */
  @Test
  void failuresLeaveNothing() throws IOException {
    Resolution size = new Resolution(32, 32);
    Path file = directory.resolve("video.mp4");
    VideoWriter.Body failing =
        to -> {
          to.write(new byte[32 * 32 * 3]);
          throw new UncheckedIOException(new IOException("the decoder stopped"));
        };
    assertThrows(UncheckedIOException.class, () -> VideoWriter.mp4(file, size, 16, failing));
    assertThrows(
        UncheckedIOException.class,
        () -> VideoWriter.png(directory.resolve("pictures"), size, failing));
    onlyFile();
    Files.writeString(file, "before");
    assertThrows(UncheckedIOException.class, () -> VideoWriter.mp4(file, size, 16, failing));
    assertEquals("before", Files.readString(file));
    onlyFile("video.mp4");
  }

  @Test
  void badInputIsNamed() {
    Path file = directory.resolve("video.mp4");
    Resolution even = new Resolution(32, 32);
    assertThrows(IllegalArgumentException.class, () -> VideoWriter.mp4(file, even, 16, to -> {}));
    String odd =
        assertThrows(
                IllegalArgumentException.class,
                () -> VideoWriter.mp4(file, new Resolution(33, 32), 16, to -> {}))
            .getMessage();
    assertTrue(odd.contains("33x32"), odd);
    for (double rate : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThrows(
          IllegalArgumentException.class, () -> VideoWriter.mp4(file, even, rate, to -> {}));
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> VideoWriter.mp4(file, even, 16, to -> to.write(new byte[7])));
    assertThrows(
        IllegalArgumentException.class,
        () -> VideoWriter.mp4(directory.resolve("absent/video.mp4"), even, 16, to -> {}));
    assertFalse(Files.exists(file));
  }

  /** A square of red and blue pixels has one colour afterwards, and keeps its luminances. */
  @Test
  void halvedColoursByHand() {
    Resolution size = new Resolution(2, 2);
    byte[] grey = {10, 10, 10, 20, 20, 20, 0, 0, 0, 90, 90, 90};
    assertEquals(Double.POSITIVE_INFINITY, Codec.psnrWithHalvedColours(size, grey), "luminance");
    byte[] red = {100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    double pixel = Math.pow(75 * 0.701, 2) + 2 * Math.pow(75 * 0.299, 2);
    double others = 3 * (Math.pow(25 * 0.701, 2) + 2 * Math.pow(25 * 0.299, 2));
    assertEquals(
        10 * Math.log10(255 * 255 / ((pixel + others) / 12)),
        Codec.psnrWithHalvedColours(size, red),
        1e-9);
  }

  @Test
  void psnrByHand() {
    byte[] a = {0, 10, (byte) 200};
    byte[] b = {3, 10, (byte) 204};
    assertEquals(10 * Math.log10(255 * 255 / (25 / 3.0)), FrameMetrics.psnr(a, b), 1e-12);
    assertEquals(Double.POSITIVE_INFINITY, FrameMetrics.psnr(a, a));
    assertThrows(IllegalArgumentException.class, () -> FrameMetrics.psnr(a, new byte[2]));
  }

  /** With one place for the window, the sums can be written out directly. */
  @Test
  void ssimByTheDefinition() {
    long seed = new SplittableRandom().nextLong();
    SplittableRandom random = new SplittableRandom(seed);
    Resolution size = new Resolution(13, 12);
    byte[] a = new byte[13 * 12 * 3];
    byte[] b = new byte[13 * 12 * 3];
    random.nextBytes(a);
    random.nextBytes(b);
    double sum = 0;
    int places = 0;
    for (int colour = 0; colour < 3; colour++) {
      for (int top = 0; top + 11 <= 12; top++) {
        for (int left = 0; left + 11 <= 13; left++) {
          sum += window(a, b, 13, top, left, colour);
          places++;
        }
      }
    }
    assertEquals(sum / places, FrameMetrics.ssim(size, a, b), 1e-10, "seed " + seed);
    assertEquals(1, FrameMetrics.ssim(size, a, a), 1e-12, "seed " + seed);
    assertThrows(
        IllegalArgumentException.class,
        () -> FrameMetrics.ssim(new Resolution(10, 20), new byte[600], new byte[600]));
  }

  private static double window(byte[] a, byte[] b, int width, int top, int left, int colour) {
    double weights = 0;
    double meanA = 0;
    double meanB = 0;
    for (int pass = 0; pass < 2; pass++) {
      double varianceA = 0;
      double varianceB = 0;
      double covariance = 0;
      for (int y = 0; y < 11; y++) {
        for (int x = 0; x < 11; x++) {
          double w = Math.exp(-(Math.pow(y - 5, 2) + Math.pow(x - 5, 2)) / (2 * 1.5 * 1.5));
          int at = ((top + y) * width + left + x) * 3 + colour;
          double valueA = a[at] & 0xff;
          double valueB = b[at] & 0xff;
          if (pass == 0) {
            weights += w;
            meanA += w * valueA;
            meanB += w * valueB;
          } else {
            varianceA += w / weights * Math.pow(valueA - meanA, 2);
            varianceB += w / weights * Math.pow(valueB - meanB, 2);
            covariance += w / weights * (valueA - meanA) * (valueB - meanB);
          }
        }
      }
      if (pass == 0) {
        meanA /= weights;
        meanB /= weights;
      } else {
        double c1 = 6.5025;
        double c2 = 58.5225;
        return (2 * meanA * meanB + c1)
            * (2 * covariance + c2)
            / ((meanA * meanA + meanB * meanB + c1) * (varianceA + varianceB + c2));
      }
    }
    throw new IllegalStateException();
  }
}
