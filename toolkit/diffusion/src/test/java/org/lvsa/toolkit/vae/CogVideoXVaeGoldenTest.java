// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.Weights;

/** Every recorded value of CogVideoX's published autoencoder, on the way and at the end. */
class CogVideoXVaeGoldenTest {
  @TempDir private Path directory;

  /**
   * @param pieceBytes frames of no more bytes are normed and convolved together
   */
  private AutoencoderKlCogVideoX open(long pieceBytes) throws IOException {
    Path folder = GoldenRun.component("cogvideox/model/vae", directory);
    return new AutoencoderKlCogVideoX(
        CogVideoXVaeConfig.read(folder), Weights.open(folder), false, pieceBytes);
  }

  private static LatentSize size(int[] shape) {
    return new LatentSize(shape[1], shape[2], shape[3], shape[4]);
  }

  /** Collects frames to {@code [3, frames, height, width]}. */
  private static final class Collected implements FrameSink {
    final float[] tensor;
    final int frames;
    int seen;

    Collected(int[] shape) {
      tensor = new float[Arrays.stream(shape).reduce(1, Math::multiplyExact)];
      frames = shape[2];
    }

    @Override
    public void accept(int first, Volume stretch) {
      assertEquals(seen, first, "frames come in order");
      seen += stretch.frames();
      stretch.copyToChannelsFirst(tensor, frames, first);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, Run.PIECE_BYTES})
  void decodesWithEveryIntermediate(long pieceBytes) throws IOException {
    GoldenRun golden = GoldenRun.open("cogvideox/vae");
    Map<String, Double> errors = new TreeMap<>();
    Collected frames = new Collected(golden.shape("dec.decoded"));
    try (AutoencoderKlCogVideoX vae = open(pieceBytes)) {
      vae.decode(
          golden.floats("dec.z"), size(golden.shape("dec.z")), frames, compare(golden, errors));
    }
    assertEquals(count(golden, "dec.chunk"), errors.size());
    golden.check("dec.decoded", frames.tensor);
    assertEquals(frames.frames, frames.seen);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, Run.PIECE_BYTES})
  void encodesWithEveryIntermediate(long pieceBytes) throws IOException {
    GoldenRun golden = GoldenRun.open("cogvideox/vae");
    Map<String, Double> errors = new TreeMap<>();
    int[] shape = golden.shape("enc.video");
    float[] video = golden.floats("enc.video");
    Moments moments;
    try (AutoencoderKlCogVideoX vae = open(pieceBytes)) {
      moments =
          vae.encode(
              (first, frames) ->
                  frames.copyFromChannelsFirst(video, shape[2], first, shape[3], 0, shape[4], 0),
              shape[2],
              shape[3],
              shape[4],
              compare(golden, errors));
    }
    assertEquals(count(golden, "enc.chunk"), errors.size());
    golden.check("enc.mean", moments.mean());
    golden.check("enc.logvar", moments.logVariance());
  }

  @Test
  void decodesInTiles() throws IOException {
    GoldenRun golden = GoldenRun.open("cogvideox/vae");
    JsonNode settings = golden.json().at("/settings/tiling");
    int height = settings.get("tile_sample_min_height").intValue();
    int width = settings.get("tile_sample_min_width").intValue();
    Collected frames = new Collected(golden.shape("tiled.decoded"));
    int[] tiles = {0};
    try (AutoencoderKlCogVideoX vae = open(Run.PIECE_BYTES)) {
      Tiling tiling =
          CogVideoXVaeConfig.tiling(
              height,
              width,
              settings.get("tile_overlap_factor_height").doubleValue(),
              settings.get("tile_overlap_factor_width").doubleValue(),
              vae.config().spatialFactor());
      vae.decodeTiled(
          golden.floats("tiled.z"),
          size(golden.shape("tiled.z")),
          tiling,
          new FrameSink() {
            @Override
            public void accept(int first, Volume stretch) {
              frames.accept(first, stretch);
            }

            @Override
            public void tileDecoded(int done, int all) {
              tiles[0] = all;
            }
          });
    }
    golden.check("tiled.decoded", frames.tensor);
    assertTrue(tiles[0] > 1, "tiles: " + tiles[0]);
  }

  /** Clean latents of whole runs, to frames as bytes. */
  @ParameterizedTest
  @ValueSource(strings = {"ddim_cog5b", "ddim_cog2b", "dpm_cog5b", "dpm_cog15"})
  void framesOfTheRuns(String run) throws IOException {
    GoldenRun golden = GoldenRun.open("cogvideox/" + run);
    int[] bytes = golden.shape("frames_uint8_round");
    byte[][] rounded = new byte[bytes[1]][];
    Collected frames = new Collected(new int[] {1, 3, bytes[1], bytes[2], bytes[3]});
    try (AutoencoderKlCogVideoX vae = open(Run.PIECE_BYTES)) {
      vae.decode(
          golden.floats("vae_in"),
          size(golden.shape("vae_in")),
          (first, stretch) -> {
            frames.accept(first, stretch);
            for (int t = 0; t < stretch.frames(); t++) {
              rounded[first + t] = Rgb.ROUNDED.bytes(stretch, t);
            }
          });
    }
    if (golden.holds("vae_decoded")) {
      golden.check("vae_decoded", frames.tensor);
    }
    golden.checkBytes("frames_uint8_round", rounded);
  }

  /** The stretches' lengths decide how many frames there are. */
  @Test
  void stretches() throws IOException {
    try (AutoencoderKlCogVideoX vae = open(Run.PIECE_BYTES)) {
      assertEquals(List.of(1), CogVideoXVaeConfig.stretches(1));
      assertEquals(List.of(2), CogVideoXVaeConfig.stretches(2));
      assertEquals(List.of(3, 2, 2), CogVideoXVaeConfig.stretches(7));
      assertEquals(List.of(13), vae.config().stretchesToEncode(13));
      assertEquals(List.of(9, 8), vae.config().stretchesToEncode(17));
      assertEquals(1, vae.config().frames(1));
      assertEquals(8, vae.config().frames(2));
      assertEquals(49, vae.config().frames(13));
      assertEquals(56, vae.config().frames(14));
    }
  }

  private static Observer compare(GoldenRun golden, Map<String, Double> errors) {
    return (name, value) -> {
      if (golden.holds(name)) {
        errors.put(name, golden.check(name, NdMemory.floats(value.get())));
      }
    };
  }

  private static long count(GoldenRun golden, String prefix) {
    return golden.names().stream().filter(name -> name.startsWith(prefix)).count();
  }
}
