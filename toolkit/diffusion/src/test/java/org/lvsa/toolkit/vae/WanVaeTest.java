// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.schedulers.Noise;
import org.lvsa.toolkit.weights.Weights;

/** The autoencoder at sizes, lengths and weights that were not recorded. */
class WanVaeTest {
  /** Smaller than the recorded model, and of another shape: two steps down, one of them in time. */
  private static final WanVaeConfig SMALL =
      new WanVaeConfig(
          4,
          6,
          List.of(1, 2, 3),
          1,
          List.of(true, false),
          5,
          List.of(0.1, -0.2, 0.3, 0.0, 1.0),
          List.of(1.0, 2.0, 0.5, 1.5, 3.0));

  @TempDir private Path directory;

  private static AutoencoderKlWan random(long seed) {
    return new AutoencoderKlWan(SMALL, Weights.random(AutoencoderKlWan.shapes(SMALL), seed), false);
  }

  /** Frames as {@code [3, frames, height, width]}. */
  private static float[] decoded(AutoencoderKlWan vae, float[] latents, LatentSize size) {
    int frames = vae.config().frames(size.frames());
    int factor = vae.config().spatialFactor();
    float[] video = new float[3 * frames * size.height() * size.width() * factor * factor];
    vae.decode(latents, size, (first, f) -> f.copyToChannelsFirst(video, frames, first));
    return video;
  }

  private static void assertFinite(float[] values, String where) {
    for (float value : values) {
      assertTrue(Float.isFinite(value), where);
    }
  }

  /** Sizes down to one pixel, odd ones, one frame and several: there and back. */
  @Test
  void sizesOfAllKinds() {
    long seed = new SplittableRandom().nextLong();
    SplittableRandom random = new SplittableRandom(seed);
    try (AutoencoderKlWan vae = random(seed)) {
      for (int round = 0; round < 6; round++) {
        LatentSize size =
            new LatentSize(
                5,
                round == 0 ? 1 : random.nextInt(1, 5),
                round == 1 ? 1 : random.nextInt(1, 6),
                round == 1 ? 1 : random.nextInt(1, 6));
        String where = "seed " + seed + " " + size;
        float[] video = decoded(vae, Noise.normal(seed, size.elements()), size);
        assertFinite(video, where);
        int frames = vae.config().frames(size.frames());
        Moments moments =
            vae.encode(
                (first, f) ->
                    f.copyFromChannelsFirst(
                        video, frames, first, 4 * size.height(), 0, 4 * size.width(), 0),
                frames,
                4 * size.height(),
                4 * size.width());
        assertEquals(size, moments.size(), where);
        assertFinite(moments.mean(), where);
        assertFinite(moments.logVariance(), where);
      }
    }
  }

  /** Frames depend on earlier latents and not on later ones, whatever the stretches. */
  @Test
  void laterFramesChangeNothing() {
    long seed = new SplittableRandom().nextLong();
    LatentSize longer = new LatentSize(5, 4, 3, 2);
    float[] latents = Noise.normal(seed, longer.elements());
    LatentSize shorter = new LatentSize(5, 2, 3, 2);
    float[] beginning = new float[shorter.elements()];
    for (int c = 0; c < 5; c++) {
      System.arraycopy(latents, c * 4 * 6, beginning, c * 2 * 6, 2 * 6);
    }
    try (AutoencoderKlWan vae = random(seed)) {
      float[] all = decoded(vae, latents, longer);
      float[] some = decoded(vae, beginning, shorter);
      int frame = 12 * 8;
      for (int c = 0; c < 3; c++) {
        assertArrayEquals(
            Arrays.copyOfRange(some, c * 3 * frame, (c + 1) * 3 * frame),
            Arrays.copyOfRange(all, c * 7 * frame, (c * 7 + 3) * frame),
            "seed " + seed);
      }
    }
  }

  /** Stretches of any lengths give what the whole video gives at once. */
  @Test
  void stretchesEqualTheWhole() {
    long seed = new SplittableRandom().nextLong();
    SplittableRandom random = new SplittableRandom(seed);
    WanVaeConfig flat =
        new WanVaeConfig(
            4, 4, List.of(2), 2, List.of(), 5, SMALL.latentsMean(), SMALL.latentsStd());
    int frames = 9;
    float[] numbers = Noise.normal(seed, frames * 3 * 4 * 8);
    try (Weights weights = Weights.random(AutoencoderKlWan.shapes(flat), seed);
        WanDecoder decoder = new WanVaeParts(flat, VaeLayers.of(weights)).decoder();
        Run whole = new Run(decoder.slots(), Observer.NONE, "dec");
        Run parts = new Run(decoder.slots(), Observer.NONE, "dec")) {
      Volume expected = blocks(decoder, whole, numbers, 0, frames);
      int first = 0;
      while (first < frames) {
        int count = Math.min(frames - first, random.nextInt(1, 4));
        Volume part = blocks(decoder, parts, numbers, first, count);
        float[] theirs = floats(expected.frames(first, count));
        float[] ours = floats(part);
        for (int e = 0; e < ours.length; e++) {
          assertEquals(theirs[e], ours[e], 1e-5, "seed " + seed + " frames from " + first);
        }
        first += count;
      }
    }
  }

  /** The middle block and the resnets of one resolution. */
  private static Volume blocks(WanDecoder decoder, Run run, float[] numbers, int first, int count) {
    Volume x = run.workspace.take(count, 3, 4, 8);
    x.memory().copyFrom(MemorySegment.ofArray(numbers).asSlice(first * 384L, count * 384L));
    x = decoder.mid().apply(run, x);
    for (Resnet resnet : decoder.blocks().getFirst().resnets()) {
      x = resnet.apply(run, x);
    }
    return x;
  }

  private static float[] floats(Volume volume) {
    return volume.memory().toArray(ValueLayout.JAVA_FLOAT);
  }

  /** Three times as many frames take not a byte more, and what is announced is about right. */
  @Test
  void memoryDoesNotGrowWithLength() {
    long few = peak(3, 7, 6);
    assertEquals(few, peak(9, 7, 6));
    long announced = WanVaeMemory.decodeBytes(SMALL, 7, 6);
    assertTrue(few <= announced, few + " bytes, announced were " + announced);
    assertTrue(announced < 1.5 * few, few + " bytes, announced were " + announced);
  }

  private static long peak(int latentFrames, int height, int width) {
    try (Weights weights = Weights.random(AutoencoderKlWan.shapes(SMALL), 1);
        WanDecoder decoder = new WanVaeParts(SMALL, VaeLayers.of(weights)).decoder();
        Run run = new Run(decoder.slots(), Observer.NONE, "dec")) {
      for (int t = 0; t < latentFrames; t++) {
        Volume latent = run.workspace.take(1, height, width, 5);
        latent.memory().fill((byte) 0);
        run.workspace.give(decoder.decode(run, latent));
      }
      return run.workspace.peak();
    }
  }

  /** Tiles as large as the frame change nothing; smaller ones come in order and say how far. */
  @ParameterizedTest
  @CsvSource({"64, 64, 48, 1", "16, 12, 8, 9", "8, 8, 8, 9", "12, 12, 4, 30"})
  void tiles(int tileHeight, int tileWidth, int stride, int tiles) {
    long seed = new SplittableRandom().nextLong();
    LatentSize size = new LatentSize(5, 2, 6, 5);
    float[] latents = Noise.normal(seed, size.elements());
    int[] seen = {0, 0};
    float[] video = new float[3 * 3 * 24 * 20];
    FrameSink sink =
        new FrameSink() {
          @Override
          public void accept(int first, Volume frames) {
            assertEquals(seen[0], first);
            seen[0] += frames.frames();
            frames.copyToChannelsFirst(video, 3, first);
          }

          @Override
          public void tileDecoded(int done, int all) {
            assertEquals(++seen[1], done);
            assertEquals(tiles, all);
          }
        };
    try (AutoencoderKlWan vae = random(seed)) {
      vae.decodeTiled(latents, size, new Tiling(tileHeight, tileWidth, stride, stride), sink);
      assertEquals(3, seen[0]);
      assertFinite(video, "seed " + seed);
      if (tiles == 1) {
        assertArrayEquals(decoded(vae, latents, size), video, "seed " + seed);
      } else {
        assertEquals(tiles, seen[1]);
      }
    }
  }

  @Test
  void tilesThatDoNotFitAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new Tiling(8, 8, 12, 8));
    assertThrows(IllegalArgumentException.class, () -> new Tiling(8, 8, 0, 8));
    LatentSize size = new LatentSize(5, 1, 6, 5);
    try (AutoencoderKlWan vae = random(1)) {
      assertThrows(
          IllegalArgumentException.class,
          () ->
              vae.decodeTiled(
                  new float[size.elements()], size, new Tiling(10, 8, 8, 8), (f, v) -> {}));
    }
  }

  @Test
  void wrongSizesAreRefused() {
    try (AutoencoderKlWan vae = random(1)) {
      assertThrows(
          IllegalArgumentException.class,
          () -> vae.decode(new float[4], new LatentSize(5, 1, 1, 1), (f, v) -> {}));
      assertThrows(
          IllegalArgumentException.class,
          () -> vae.decode(new float[4], new LatentSize(4, 1, 1, 1), (f, v) -> {}));
      assertThrows(IllegalArgumentException.class, () -> vae.encode((f, v) -> {}, 1, 6, 8));
      assertThrows(IllegalArgumentException.class, () -> vae.encode((f, v) -> {}, 0, 8, 8));
      assertThrows(IllegalArgumentException.class, () -> vae.denormalise(new float[7]));
      float[] latents = Noise.normal(3, 5 * 4);
      float[] back = vae.normalise(vae.denormalise(latents));
      for (int e = 0; e < latents.length; e++) {
        assertEquals(latents[e], back[e], 1e-5);
      }
      assertEquals(latents[0] * 1f + 0.1f, vae.denormalise(latents)[0], 1e-6);
    }
  }

  /** Weights of 16 bits give exactly what the same numbers in 32 bits give. */
  @ParameterizedTest
  @CsvSource({"BF16", "F16"})
  void halfPrecisionWeightsAreWidened(String dtype) throws IOException {
    SplittableRandom random = new SplittableRandom(11);
    ByteBuffer half = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer full = ByteBuffer.allocate(1 << 21).order(ByteOrder.LITTLE_ENDIAN);
    StringBuilder halfHeader = new StringBuilder();
    StringBuilder fullHeader = new StringBuilder();
    for (Map.Entry<String, List<Long>> tensor : AutoencoderKlWan.shapes(SMALL).asMap().entrySet()) {
      long elements = tensor.getValue().stream().reduce(1L, Math::multiplyExact);
      int begin = half.position();
      for (long e = 0; e < elements; e++) {
        float value = (float) (random.nextGaussian() * 0.2);
        if (dtype.equals("BF16")) {
          short bits = (short) (Float.floatToRawIntBits(value) >>> 16);
          half.putShort(bits);
          full.putFloat(Float.intBitsToFloat(bits << 16));
        } else {
          short bits = Float.floatToFloat16(value);
          half.putShort(bits);
          full.putFloat(Float.float16ToFloat(bits));
        }
      }
      String entry = "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]},";
      halfHeader.append(
          entry.formatted(tensor.getKey(), dtype, tensor.getValue(), begin, half.position()));
      fullHeader.append(
          entry.formatted(
              tensor.getKey(), "F32", tensor.getValue(), 2 * begin, 2 * half.position()));
    }
    Path halfFolder = write("half", halfHeader, half);
    Path fullFolder = write("full", fullHeader, full);
    LatentSize size = new LatentSize(5, 2, 3, 2);
    float[] latents = Noise.normal(4, size.elements());
    try (AutoencoderKlWan narrow = new AutoencoderKlWan(SMALL, Weights.open(halfFolder), false);
        AutoencoderKlWan wide = new AutoencoderKlWan(SMALL, Weights.open(fullFolder), false)) {
      assertArrayEquals(decoded(wide, latents, size), decoded(narrow, latents, size));
    }
  }

  private Path write(String name, StringBuilder entries, ByteBuffer data) throws IOException {
    Path folder = Files.createDirectory(directory.resolve(name));
    byte[] header =
        ("{" + entries.substring(0, entries.length() - 1) + "}").getBytes(StandardCharsets.UTF_8);
    ByteBuffer file =
        ByteBuffer.allocate(8 + header.length + data.position()).order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(header.length).put(header).put(data.duplicate().flip());
    Files.write(folder.resolve("diffusion_pytorch_model.safetensors"), file.array());
    return folder;
  }

  @Test
  void otherCheckpointsAreNamed() {
    WanVaeConfig other =
        new WanVaeConfig(
            4, 6, List.of(1, 2), 1, List.of(true), 5, SMALL.latentsMean(), SMALL.latentsStd());
    try (Weights weights = Weights.random(AutoencoderKlWan.shapes(other), 1)) {
      String message =
          assertThrows(
                  MalformedFileException.class, () -> new AutoencoderKlWan(SMALL, weights, false))
              .getMessage();
      assertTrue(message.contains("missing: encoder.down_blocks."), message);
    }
  }

  private static final String CONFIG =
      """
      {"_class_name": "AutoencoderKLWan", "_diffusers_version": "0.35.0", "attn_scales": [],
       "base_dim": 4, "dim_mult": [1, 2], "dropout": 0.0, "num_res_blocks": 1, "z_dim": 2,
       "temperal_downsample": [true], "latents_mean": [0.5, 1], "latents_std": [1, 2]}
      """;

  @Test
  void readsTheConfiguration() throws IOException {
    WanVaeConfig config = read(CONFIG);
    assertEquals(List.of(1, 2), config.dimMultiples());
    assertEquals(4, config.decoderBaseDim());
    assertEquals(2, config.spatialFactor());
    assertEquals(2, config.temporalFactor());
    assertEquals(7, config.frames(4));
    assertEquals(4, config.latentFrames(7));
    assertEquals(4, config.latentFrames(8));
  }

  private WanVaeConfig read(String json) throws IOException {
    Files.writeString(directory.resolve("config.json"), json);
    return WanVaeConfig.read(directory);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"dropout\": 0.0|\"is_residual\": 1|is_residual must be true or false, got 1",
        "\"dropout\": 0.0|\"patch_size\": 2|in_channels must be 12",
        "\"attn_scales\": []|\"attn_scales\": [0.5]|attn_scales must be an empty list, got [0.5]",
        "\"dim_mult\": [1, 2]|\"dim_mult\": [1, 0]|dim_mult must be a whole number from 1, got [1,0]",
        "[true]|[true, false]|temperal_downsample must be 1 entries",
        "[0.5, 1]|[0.5]|latents_mean must be 2 numbers",
        "[1, 2]}|[1, 0]}|latents_std must be 2 numbers above 0",
        "\"dropout\": 0.0|\"scale_factor_spatial\": 8|scale_factor_spatial must be 2",
        "\"z_dim\": 2|\"z_dim\": 0|z_dim must be a whole number from 1, got 0",
        "\"dropout\": 0.0|\"new_layer\": 3|new_layer = 3 is not known",
        "AutoencoderKLWan|AutoencoderKL|_class_name \"AutoencoderKL\" is not supported",
      })
  void otherConfigurationsAreNamed(String what, String instead, String message) throws IOException {
    String json = CONFIG.replace(what, instead);
    assertTrue(!json.equals(CONFIG), "nothing was replaced");
    String refused = assertThrows(MalformedFileException.class, () -> read(json)).getMessage();
    assertTrue(refused.contains(message), refused);
    assertTrue(refused.contains("config.json"), refused);
  }
}
