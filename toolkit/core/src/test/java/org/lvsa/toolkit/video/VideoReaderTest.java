// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.video;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacv.FFmpegFrameRecorder;
import org.bytedeco.javacv.Frame;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.io.MalformedFileException;

class VideoReaderTest {
  private static final int HEIGHT = 24;

  @TempDir private Path directory;

  /** Random frames, written without loss (FFV1 in Matroska). */
  private Path video(String name, byte[][] frames, int width) throws Exception {
    Path path = directory.resolve(name);
    try (FFmpegFrameRecorder recorder = new FFmpegFrameRecorder(path.toFile(), width, HEIGHT, 0)) {
      recorder.setFormat("matroska");
      recorder.setVideoCodec(avcodec.AV_CODEC_ID_FFV1);
      recorder.setPixelFormat(avutil.AV_PIX_FMT_BGR0);
      recorder.setFrameRate(8);
      recorder.start();
      for (byte[] rgb : frames) {
        Frame frame = new Frame(width, HEIGHT, Frame.DEPTH_UBYTE, 3);
        ByteBuffer image = (ByteBuffer) frame.image[0];
        for (int y = 0; y < HEIGHT; y++) {
          image.put(y * frame.imageStride, rgb, y * width * 3, width * 3);
        }
        recorder.record(frame, avutil.AV_PIX_FMT_RGB24);
      }
    }
    return path;
  }

  private static byte[][] random(int frames, int width, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    byte[][] all = new byte[frames][width * HEIGHT * 3];
    for (byte[] frame : all) {
      random.nextBytes(frame);
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 34, 48, 66, 96, 142, 160})
  void everyPixelOfEveryFrameIsRead(int width) throws Exception {
    long seed = System.nanoTime();
    byte[][] frames = random(5, width, seed);
    Path path = video("größe.mkv", frames, width);
    try (VideoReader reader = VideoReader.open(path)) {
      assertEquals(width, reader.width());
      assertEquals(HEIGHT, reader.height());
      assertEquals(8, reader.frameRate(), 1e-9);
      byte[] rgb = new byte[reader.frameBytes()];
      for (byte[] frame : frames) {
        assertTrue(reader.read(rgb), "seed " + seed);
        assertArrayEquals(frame, rgb, "seed " + seed);
      }
      assertFalse(reader.read(rgb));
      assertEquals(5, reader.framesRead());
    }
  }

  @Test
  void framesAreScaledWhereASizeIsGiven() throws Exception {
    byte[] grey = new byte[40 * HEIGHT * 3];
    Arrays.fill(grey, (byte) 100);
    Path path = video("a.mkv", new byte[][] {grey}, 40);
    try (VideoReader reader = VideoReader.open(path, 20, 12)) {
      byte[] rgb = new byte[reader.frameBytes()];
      assertEquals(20 * 12 * 3, rgb.length);
      assertTrue(reader.read(rgb));
      for (byte b : rgb) {
        assertEquals(100, b, 1);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ffconcat version 1.0\nfile real.mkv\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.mkv\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        "not a video",
        ""
      })
  void aPlaylistIsNotFollowed(String content) throws Exception {
    video("real.mkv", random(3, 32, 1), 32);
    for (String name : new String[] {"list.mp4", "list.m3u8", "list.ffconcat"}) {
      Path path = Files.writeString(directory.resolve(name), content);
      MalformedFileException refused =
          assertThrows(MalformedFileException.class, () -> VideoReader.open(path));
      assertTrue(
          refused.getMessage().startsWith(path + ": not a video that FFmpeg can read"),
          refused.getMessage());
    }
  }

  @Test
  void theNameDoesNotMatter() throws Exception {
    Path path = video("real.mkv", random(3, 32, 1), 32);
    Path renamed = Files.move(path, directory.resolve("frames.txt"));
    try (VideoReader reader = VideoReader.open(renamed)) {
      assertTrue(reader.read(new byte[reader.frameBytes()]));
    }
  }

  @Test
  void aDamagedFileIsRefusedOrReadUpToTheDamage() throws Exception {
    byte[] whole = Files.readAllBytes(video("whole.mkv", random(12, 64, 7), 64));
    Path cut =
        Files.write(directory.resolve("cut.mkv"), Arrays.copyOf(whole, whole.length * 2 / 3));
    try (VideoReader reader = VideoReader.open(cut)) {
      byte[] rgb = new byte[reader.frameBytes()];
      while (reader.read(rgb)) {
        assertTrue(reader.framesRead() < 12, "a frame that is not there");
      }
    } catch (MalformedFileException e) {
      assertTrue(e.getMessage().startsWith(cut + ": "), e.getMessage());
    }
    assertThrows(MalformedFileException.class, () -> VideoReader.open(directory));
    assertThrows(
        MalformedFileException.class, () -> VideoReader.open(directory.resolve("none.mp4")));
  }
}
