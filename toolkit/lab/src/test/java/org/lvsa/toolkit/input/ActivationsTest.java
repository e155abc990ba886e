// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacv.FFmpegFrameRecorder;
import org.bytedeco.javacv.Frame;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.model.RotaryEmbedding;

class ActivationsTest {
  private static final ModelGeometry WAN = Models.named("wan2.1-1.3b");
  private static final PatchGrid GRID = new PatchGrid(4, 6);

  @TempDir private static Path directory;
  private static Path video;

  @BeforeAll
  static void makeAVideo() throws Exception {
    video = directory.resolve("scene.mp4");
    record(video, 20);
  }

  /** Encodes the moving scene, so that no video file need be part of the sources. */
  public static void record(Path file, int frames) throws Exception {
    avutil.av_log_set_level(avutil.AV_LOG_QUIET);
    try (FFmpegFrameRecorder recorder = new FFmpegFrameRecorder(file.toFile(), 96, 64)) {
      recorder.setVideoCodec(avcodec.AV_CODEC_ID_MPEG4);
      recorder.setFormat("mp4");
      recorder.setFrameRate(16);
      recorder.setPixelFormat(avutil.AV_PIX_FMT_YUV420P);
      recorder.setVideoBitrate(2_000_000);
      recorder.start();
      Frame frame = new Frame(96, 64, Frame.DEPTH_UBYTE, 3);
      new MovingScene(5)
          .read(
              frames,
              new Resolution(96, 64),
              (index, rgb) -> {
                var image = (ByteBuffer) frame.image[0];
                for (int y = 0; y < 64; y++) {
                  image.put(y * frame.imageStride, rgb, y * 96 * 3, 96 * 3);
                }
                try {
                  recorder.record(frame, avutil.AV_PIX_FMT_RGB24);
                } catch (FFmpegFrameRecorder.Exception e) {
                  throw new IllegalStateException(e);
                }
              });
    }
  }

  @Test
  void aDecodedVideoIsTheSceneThatWasEncoded() {
    double[] difference = new double[1];
    byte[][] decoded = new byte[20][];
    new VideoFileFrames(video)
        .read(20, new Resolution(96, 64), (index, rgb) -> decoded[index] = rgb.clone());
    new MovingScene(5)
        .read(
            20,
            new Resolution(96, 64),
            (index, rgb) -> {
              for (int i = 0; i < rgb.length; i++) {
                difference[0] +=
                    Math.abs(Byte.toUnsignedInt(rgb[i]) - Byte.toUnsignedInt(decoded[index][i]));
              }
            });
    double mean = difference[0] / (20 * 96 * 64 * 3);
    assertTrue(mean < 12, "mean difference of a channel: " + mean);
  }

  @Test
  void derivedKeysHaveTheNormOfQkNormalisedOnes() {
    for (InputSource source :
        new InputSource[] {new InputSource.Moving(), new InputSource.VideoFile(video)}) {
      try (Arena arena = Arena.ofShared()) {
        AttentionShape shape = new AttentionShape(1, 5, 24, 0, 2, 2, 128);
        Activations made = Activations.of(source, shape, DType.F32, WAN, GRID, 3, arena);
        for (int token = 0; token < shape.tokens(); token++) {
          double squares = 0;
          for (int d = 0; d < 128; d++) {
            double x = DType.F32.get(made.key(), shape.keyOffset(0, token, 1) + d);
            squares += x * x;
          }
          assertEquals(128, squares, 0.01, source.label());
        }
        assertEquals(-1, made.query().mismatch(made.key()), "query and key share features");
        assertNotEquals(-1, made.value().mismatch(made.key()));
      }
    }
  }

  @Test
  void patchesNearInTimeAreMoreAlikeThanFarOnes() {
    float[][] features = PatchFeatures.read(new MovingScene(1), 17, 4, GRID);
    double near = 0;
    double far = 0;
    for (int patch = 0; patch < 24; patch++) {
      near += distance(features[3], features[4], patch);
      far += distance(features[3], features[16], patch);
    }
    assertTrue(near < 0.6 * far, near + " against " + far);
  }

  @Test
  void theRotaryEmbeddingTurnsWithoutStretchingAndDependsOnDistanceAlone() {
    RotaryEmbedding rotary = new RotaryEmbedding(WAN.ropeAxes(), WAN.ropeTheta());
    float[] q = new float[128];
    for (int i = 0; i < q.length; i++) {
      q[i] = (float) Math.sin(i + 1);
    }
    assertEquals(
        dot(turned(rotary, q, 3, 4, 5), turned(rotary, q, 8, 6, 5)),
        dot(turned(rotary, q, 13, 14, 25), turned(rotary, q, 18, 16, 25)),
        1e-3);
    assertEquals(dot(q, q), dot(turned(rotary, q, 9, 8, 7), turned(rotary, q, 9, 8, 7)), 1e-3);
    assertNotEquals(dot(q, q), dot(q, turned(rotary, q, 1, 0, 0)), 1e-1);
  }

  @Test
  void theSameSeedGivesTheSameNumbersAndAnotherOneOthers() {
    for (InputSource source :
        new InputSource[] {
          new InputSource.RandomNumbers(),
          new InputSource.Moving(),
          new InputSource.VideoFile(video)
        }) {
      try (Arena arena = Arena.ofShared()) {
        AttentionShape shape = new AttentionShape(1, 3, 24, 2, 2, 1, 128);
        MemorySegment first = Activations.of(source, shape, DType.F32, WAN, GRID, 3, arena).value();
        MemorySegment same = Activations.of(source, shape, DType.F32, WAN, GRID, 3, arena).value();
        MemorySegment other = Activations.of(source, shape, DType.F32, WAN, GRID, 4, arena).value();
        assertEquals(-1, first.mismatch(same), source.label());
        assertNotEquals(-1, first.mismatch(other), source.label());
      }
    }
  }

  @Test
  void aFileThatIsNoUsableVideoIsNamed() throws IOException {
    refused(directory.resolve("none.mp4"), 5, "no such file");
    Path text = Files.writeString(directory.resolve("text.mp4"), "not a video at all");
    refused(text, 5, "not a video that FFmpeg can read");
    refused(video, 21, "has 20 readable frames, 21 were asked for");
    byte[] whole = Files.readAllBytes(video);
    Path cut = Files.write(directory.resolve("cut.mp4"), Arrays.copyOf(whole, whole.length / 2));
    refused(cut, 20, "cut.mp4");
  }

  @Test
  void aPlaylistIsNotFollowedToOtherFiles() throws IOException {
    String name = video.getFileName().toString();
    Path concat =
        Files.writeString(
            directory.resolve("concat.mp4"), "ffconcat version 1.0\nfile '" + name + "'\n");
    refused(concat, 5, "a playlist");
    Path hls =
        Files.writeString(
            directory.resolve("hls.mp4"),
            "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n" + name + "\n#EXT-X-ENDLIST\n");
    refused(hls, 5, "a playlist");
    refused(directory, 5, "is not a regular file");
  }

  @Test
  void theFramesOfAVideoAreCountedUpToWhatIsAskedFor() {
    InputSource file = new InputSource.VideoFile(video);
    assertEquals(20, Activations.frames(file, 1000));
    assertEquals(7, Activations.frames(file, 7));
    assertEquals(1000, Activations.frames(new InputSource.Moving(), 1000));
  }

  /** CogVideoX 1.5 makes one token frame of two latent frames of four video frames each. */
  @Test
  void aLatentFrameOfCogVideoX15StandsForEightVideoFrames() {
    ModelGeometry cog = Models.named("cogvideox1.5-5b");
    int[] read = new int[1];
    float[][] features =
        PatchFeatures.read(
            (count, size, receiver) -> {
              read[0] = count;
              for (int i = 0; i < count; i++) {
                byte[] grey = new byte[size.width() * size.height() * 3];
                Arrays.fill(grey, (byte) (i == 0 ? 0 : (i - 1) / 8 + 1));
                receiver.frame(i, grey);
              }
            },
            11,
            cog.videoFramesPerLatentFrame(),
            GRID);
    assertEquals(81, read[0]);
    assertEquals(11, cog.latentFrames(81));
    for (int latent = 1; latent < 11; latent++) {
      // Frames that are as bright as their latent frame's number differ by one step each.
      assertEquals(1 / 255.0, features[latent][0] - features[latent - 1][0], 1e-6);
    }
  }

  private static void refused(Path file, int frames, String message) {
    String said =
        assertThrows(
                MalformedFileException.class,
                () -> Activations.check(new InputSource.VideoFile(file), frames))
            .getMessage();
    assertTrue(said.contains(message), said);
    assertEquals(1, said.lines().count());
  }

  private static float[] turned(RotaryEmbedding rotary, float[] vector, int t, int y, int x) {
    float[] copy = vector.clone();
    RotaryEmbedding.apply(copy, rotary.at(t, y, x));
    return copy;
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }

  private static double distance(float[] a, float[] b, int patch) {
    double sum = 0;
    for (int i = 0; i < PatchFeatures.SIZE; i++) {
      double d = a[patch * PatchFeatures.SIZE + i] - b[patch * PatchFeatures.SIZE + i];
      sum += d * d;
    }
    return sum;
  }
}
