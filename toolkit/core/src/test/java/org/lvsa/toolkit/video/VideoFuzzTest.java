// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.video;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacv.FFmpegFrameRecorder;
import org.bytedeco.javacv.Frame;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.Mutator;
import org.lvsa.toolkit.io.MalformedFileException;

/** Damaged mp4 files: frames or a refusal that names the file, no crash and no hang. */
class VideoFuzzTest {
  private static final int FRAMES = 9;

  @TempDir private Path directory;

  private byte[] video() throws Exception {
    Path path = directory.resolve("whole.mp4");
    try (FFmpegFrameRecorder recorder = new FFmpegFrameRecorder(path.toFile(), 48, 32, 0)) {
      recorder.setFormat("mp4");
      recorder.setVideoCodec(avcodec.AV_CODEC_ID_MPEG4);
      recorder.setPixelFormat(avutil.AV_PIX_FMT_YUV420P);
      recorder.setFrameRate(8);
      recorder.start();
      for (int i = 0; i < FRAMES; i++) {
        Frame frame = new Frame(48, 32, Frame.DEPTH_UBYTE, 3);
        ByteBuffer image = (ByteBuffer) frame.image[0];
        for (int at = 0; at < image.capacity(); at++) {
          image.put(at, (byte) (at * (i + 1)));
        }
        recorder.record(frame, avutil.AV_PIX_FMT_RGB24);
      }
    }
    return Files.readAllBytes(path);
  }

  @Test
  void damagedVideosAreReadOrRefused() throws Exception {
    byte[] whole = video();
    long seed = Long.getLong("lvsa.fuzz.seed", System.nanoTime());
    Mutator mutator = new Mutator(seed);
    Path file = directory.resolve("damaged.mp4");
    for (int i = 0; i < Mutator.count(40); i++) {
      Files.write(file, mutator.mutate(whole));
      String where = "mutation " + i + ", -Dlvsa.fuzz.seed=" + seed;
      assertTimeoutPreemptively(Duration.ofSeconds(60), () -> read(file, where), where);
    }
  }

  private static void read(Path file, String where) {
    try (VideoReader reader = VideoReader.open(file, 24, 16)) {
      byte[] rgb = new byte[reader.frameBytes()];
      while (reader.read(rgb)) {
        assertTrue(reader.framesRead() < 1000, where + ": frames without end");
      }
    } catch (MalformedFileException e) {
      assertTrue(e.getMessage().startsWith(file + ": "), where + ": " + e.getMessage());
    }
  }
}
