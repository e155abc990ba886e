// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.schedulers.Noise;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.vae.WanVaeGoldenTest.Collected;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.Weights;

/** The autoencoder of Wan 2.2 TI2V: shortcuts around blocks, patches of pixels. */
class ResidualVaeTest {
  private static final String MODEL = "wan22/ti2v5b/model/vae";

  private static final WanVaeConfig SMALL =
      new WanVaeConfig(
          4,
          6,
          List.of(1, 2, 4),
          1,
          List.of(true, false),
          5,
          List.of(0.1, -0.2, 0.3, 0.0, 1.0),
          List.of(1.0, 2.0, 0.5, 1.5, 3.0),
          true,
          2);

  @TempDir private Path directory;

  private AutoencoderKlWan open() throws IOException {
    return AutoencoderKlWan.open(ComponentFiles.in(GoldenRun.component(MODEL, directory)), false);
  }

  private static Set<String> recorded(GoldenRun golden, String prefix) {
    return golden.names().stream()
        .filter(name -> name.startsWith(prefix))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void decodesWithEveryIntermediate() throws IOException {
    GoldenRun golden = GoldenRun.open("wan22/ti2v5b/vae");
    Set<String> compared = new TreeSet<>();
    Collected frames = new Collected(golden.shape("dec.decoded_clamped"));
    try (AutoencoderKlWan vae = open()) {
      vae.decode(
          golden.floats("dec.z"),
          WanVaeGoldenTest.size(golden.shape("dec.z")),
          frames,
          (name, value) -> {
            if (golden.holds(name)) {
              golden.check(name, NdMemory.floats(value.get()));
              compared.add(name);
            }
          });
    }
    golden.check("dec.decoded_clamped", frames.tensor);
    assertEquals(recorded(golden, "dec.chunk"), compared);
  }

  @Test
  void encodesWithEveryIntermediate() throws IOException {
    GoldenRun golden = GoldenRun.open("wan22/ti2v5b/vae");
    Set<String> compared = new TreeSet<>();
    int[] shape = golden.shape("enc.video");
    Moments moments;
    try (AutoencoderKlWan vae = open()) {
      moments =
          vae.encode(
              source(golden.floats("enc.video"), shape),
              shape[2],
              shape[3],
              shape[4],
              (name, value) -> {
                if (golden.holds(name)) {
                  golden.check(name, NdMemory.floats(value.get()));
                  compared.add(name);
                }
              });
    }
    assertEquals(recorded(golden, "enc.chunk"), compared);
    golden.check("enc.mean", moments.mean());
    golden.check("enc.logvar", moments.logVariance());
  }

  private static FrameSource source(float[] video, int[] shape) {
    return (first, frames) ->
        frames.copyFromChannelsFirst(video, shape[2], first, shape[3], 0, shape[4], 0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan22/ti2v5b/t2v", "wan22/ti2v5b/i2v"})
  void framesOfTheRuns(String run) throws IOException {
    GoldenRun golden = GoldenRun.open(run);
    int[] shape = golden.shape("frames_uint8_round");
    Collected frames = new Collected(new int[] {1, 3, shape[1], shape[2], shape[3]});
    try (AutoencoderKlWan vae = open()) {
      vae.decode(golden.floats("vae_in"), WanVaeGoldenTest.size(golden.shape("vae_in")), frames);
      if (golden.holds("vae_decoded")) {
        golden.check("vae_decoded", frames.tensor);
      }
      if (golden.holds("vae_encode.in")) {
        int[] video = golden.shape("vae_encode.in");
        Moments moments =
            vae.encode(source(golden.floats("vae_encode.in"), video), video[2], video[3], video[4]);
        golden.check("vae_encode.mean", moments.mean());
      }
    }
    golden.checkBytes("frames_uint8_round", frames.rounded);
  }

  /** Sizes of latents count the patches; a tile as large as the frame changes nothing. */
  @Test
  void patchesCountInSizesAndTiles() {
    LatentSize size = new LatentSize(5, 2, 6, 5);
    float[] latents = Noise.normal(5, size.elements());
    try (AutoencoderKlWan vae = random()) {
      assertEquals(8, SMALL.spatialFactor());
      assertEquals(size, vae.latentSize(3, 48, 40));
      Collected whole = new Collected(new int[] {1, 3, 3, 48, 40});
      Collected one = new Collected(new int[] {1, 3, 3, 48, 40});
      Collected several = new Collected(new int[] {1, 3, 3, 48, 40});
      vae.decode(latents, size, whole);
      vae.decodeTiled(latents, size, new Tiling(48, 40, 32, 32), one);
      vae.decodeTiled(latents, size, new Tiling(32, 32, 16, 16), several);
      assertArrayEquals(whole.tensor, one.tensor);
      assertEquals(3, several.seen);
      for (float value : several.tensor) {
        assertTrue(value >= -1 && value <= 1, () -> "got " + value);
      }
    }
  }

  /** More ranks than tiles: the ones without a tile send nothing. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void tilesOnRanksAreThoseOfOneRankBitForBit(int world) throws Exception {
    LatentSize size = new LatentSize(5, 2, 6, 5);
    Tiling tiling = new Tiling(32, 32, 16, 16);
    float[] latents = Noise.normal(5, size.elements());
    try (AutoencoderKlWan vae = random()) {
      Collected expected = new Collected(new int[] {1, 3, 3, 48, 40});
      vae.decodeTiled(latents, size, tiling, expected);
      List<Long> sent =
          InProcess.run(
              world,
              rank -> {
                AutoencoderKlWan mine = rank.rank() == 0 ? vae : vae.sharing();
                try (DecodedTiles tiles = mine.decodeTiles(latents, size, tiling, rank)) {
                  if (rank.rank() > 0) {
                    mine.close();
                    assertThrows(
                        IllegalStateException.class, () -> tiles.join((first, frames) -> {}));
                    return rank.bytesSent();
                  }
                  Collected frames = new Collected(new int[] {1, 3, 3, 48, 40});
                  tiles.join(frames);
                  assertArrayEquals(expected.tensor, frames.tensor);
                  return rank.bytesSent();
                }
              });
      assertEquals(0, sent.getFirst());
      try (TiledDecode tiles =
          new TiledDecode(
              size,
              new TiledDecode.Decoded(
                  3, SMALL.spatialFactor() / SMALL.patch(), SMALL.patchChannels()),
              tiling.inPatches(SMALL.patch()))) {
        for (int rank = 1; rank < world; rank++) {
          assertEquals(tiles.bytesSent(rank, world), sent.get(rank));
        }
      }
    }
  }

  /** The frames that ranks decode in patches. */
  private static float[] patched(
      AutoencoderKlWan vae, float[] latents, LatentSize size, RankPatches patches, int world)
      throws Exception {
    return InProcess.run(
            world,
            rank -> {
              AutoencoderKlWan mine = rank.rank() == 0 ? vae : vae.sharing();
              try (DecodedTiles tiles = mine.decodeTiles(latents, size, patches, rank)) {
                if (rank.rank() > 0) {
                  mine.close();
                  return null;
                }
                Collected frames =
                    new Collected(new int[] {1, 3, 3, 8 * size.height(), 8 * size.width()});
                tiles.join(frames);
                return frames.tensor;
              }
            })
        .getFirst();
  }

  /** Fewer rows or columns than ranks, a prime number of them, odd sizes. */
  @ParameterizedTest
  @CsvSource({"1, 6, 5", "2, 3, 3", "4, 6, 5", "5, 2, 3", "6, 1, 7", "12, 2, 2"})
  void patchesThatSeeTheWholeFrameAreItBitForBit(int world, int height, int width)
      throws Exception {
    LatentSize size = new LatentSize(5, 2, height, width);
    float[] latents = Noise.normal(world, size.elements());
    try (AutoencoderKlWan vae = random()) {
      Collected whole = new Collected(new int[] {1, 3, 3, 8 * height, 8 * width});
      vae.decode(latents, size, whole);
      assertArrayEquals(whole.tensor, patched(vae, latents, size, new RankPatches(7), world));
    }
  }

  /** Random weights' attention spreads over the frame, so only a part of the difference goes. */
  @Test
  void aMarginBringsPatchesNearerToTheWholeFrame() throws Exception {
    LatentSize size = new LatentSize(5, 2, 15, 18);
    float[] latents = Noise.normal(7, size.elements());
    try (AutoencoderKlWan vae = random()) {
      Collected whole = new Collected(new int[] {1, 3, 3, 120, 144});
      vae.decode(latents, size, whole);
      double narrow = difference(whole.tensor, patched(vae, latents, size, new RankPatches(0), 4));
      double published =
          difference(whole.tensor, patched(vae, latents, size, RankPatches.DEFAULT, 4));
      System.out.printf("patches differ by %.5f, without more margin %.5f%n", published, narrow);
      assertTrue(published > 0 && published < narrow, published + " and " + narrow);
    }
  }

  private static double difference(float[] expected, float[] actual) {
    double squares = 0;
    double size = 0;
    for (int e = 0; e < expected.length; e++) {
      squares += Math.pow((double) expected[e] - actual[e], 2);
      size += Math.pow(expected[e], 2);
    }
    return Math.sqrt(squares / size);
  }

  @Test
  void decodingTakesNoMoreThanIsAnnounced() {
    long announced = WanVaeMemory.decodeBytes(SMALL, 7, 6);
    try (Weights weights = Weights.random(AutoencoderKlWan.shapes(SMALL), 1);
        WanDecoder decoder = new WanVaeParts(SMALL, VaeLayers.of(weights)).decoder();
        Run run = new Run(decoder.slots(), Observer.NONE, "dec")) {
      for (int t = 0; t < 5; t++) {
        Volume latent = run.workspace.take(1, 7, 6, 5);
        latent.memory().fill((byte) 0);
        run.workspace.give(decoder.decode(run, latent));
      }
      long peak = run.workspace.peak();
      assertTrue(
          peak <= announced && announced < 1.5 * peak,
          () -> peak + " bytes, announced were " + announced);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void encodingTakesNoMoreThanIsAnnounced(boolean residual) {
    WanVaeConfig config =
        new WanVaeConfig(
            8,
            8,
            List.of(1, 2, 4),
            2,
            List.of(false, true),
            5,
            SMALL.latentsMean(),
            SMALL.latentsStd(),
            residual,
            residual ? 2 : 1);
    long announced = AutoencoderKlWan.encodeBytes(config, 24, 40);
    try (Weights weights = Weights.random(AutoencoderKlWan.shapes(config), 1);
        WanEncoder encoder = new WanVaeParts(config, VaeLayers.of(weights)).encoder();
        Run run = new Run(encoder.slots(), Observer.NONE, "enc")) {
      for (int t = 0; t < 4; t++) {
        int frames = t == 0 ? 1 : config.temporalFactor();
        Volume stretch = run.workspace.take(frames, 24, 40, WanVaeConfig.COLOURS);
        stretch.memory().fill((byte) 0);
        run.workspace.give(encoder.encode(run, stretch));
      }
      long peak = run.workspace.peak();
      assertTrue(
          peak <= announced && announced < 2 * peak,
          () -> peak + " bytes, announced were " + announced);
    }
  }

  private static AutoencoderKlWan random() {
    return new AutoencoderKlWan(SMALL, Weights.random(AutoencoderKlWan.shapes(SMALL), 3), false);
  }
}
