// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.Progress;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.vae.AutoencoderKlCogVideoX;
import org.lvsa.toolkit.vae.AutoencoderKlHunyuan15;
import org.lvsa.toolkit.vae.AutoencoderKlWan;
import org.lvsa.toolkit.vae.DecoderOpening;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;
import org.lvsa.toolkit.weights.ComponentFiles;

/** Autoencoders on a device, in float32, against what the published ones decoded. */
@Tag("full")
class DeviceVaeTest {
  @TempDir private Path directory;

  /**
   * An autoencoder of any family.
   *
   * @param frames that so many latent frames become
   */
  private record Vae(
      AutoCloseable its,
      Sizes sizes,
      IntUnaryOperator frames,
      Whole whole,
      Tiled tiled,
      BiConsumer<DecoderOpening, Progress> onDevice)
      implements AutoCloseable {
    /**
     * Sizes that tests need.
     *
     * @param channels of a latent pixel
     * @param factor rows, and columns, that one of the latents becomes
     */
    private record Sizes(int channels, int factor) {}

    /** Decodes frames as a whole. */
    private interface Whole {
      void decode(float[] latents, LatentSize size, FrameSink sink);
    }

    /** Decodes frames in tiles. */
    private interface Tiled {
      void decode(float[] latents, LatentSize size, Tiling tiling, FrameSink sink);
    }

    static Vae open(String model, Path directory) throws IOException {
      ComponentFiles files = ComponentFiles.in(GoldenRun.component(model, directory));
      return switch (model.substring(0, model.indexOf('/'))) {
        case "hunyuan15" -> {
          AutoencoderKlHunyuan15 vae = AutoencoderKlHunyuan15.open(files, false);
          Sizes sizes = new Sizes(vae.config().latentChannels(), vae.config().spatialFactor());
          yield new Vae(
              vae, sizes, vae.config()::frames, vae::decode, vae::decodeTiled, vae::decodeOnDevice);
        }
        case "cogvideox" -> {
          AutoencoderKlCogVideoX vae = AutoencoderKlCogVideoX.open(files, false);
          Sizes sizes = new Sizes(vae.config().latentChannels(), vae.config().spatialFactor());
          yield new Vae(
              vae, sizes, vae.config()::frames, vae::decode, vae::decodeTiled, vae::decodeOnDevice);
        }
        default -> {
          AutoencoderKlWan vae = AutoencoderKlWan.open(files, false);
          Sizes sizes = new Sizes(vae.config().latentChannels(), vae.config().spatialFactor());
          yield new Vae(
              vae, sizes, vae.config()::frames, vae::decode, vae::decodeTiled, vae::decodeOnDevice);
        }
      };
    }

    void onDevice(Progress progress) {
      onDevice.accept(
          new DeviceChoice("tornado", DType.F32, KernelOptions.DEFAULT)::openDecoder, progress);
    }

    /** The pixels, {@code [3, frames, height, width]}. */
    float[] decode(float[] latents, LatentSize size, Optional<Tiling> tiling) {
      int count = frames.applyAsInt(size.frames());
      float[] all =
          new float[3 * count * size.height() * sizes.factor() * size.width() * sizes.factor()];
      boolean[] seen = new boolean[count];
      FrameSink sink =
          (first, stretch) -> {
            stretch.copyToChannelsFirst(all, count, first);
            Arrays.fill(seen, first, first + stretch.frames(), true);
          };
      tiling.ifPresentOrElse(
          tiles -> tiled.decode(latents, size, tiles, sink),
          () -> whole.decode(latents, size, sink));
      for (boolean one : seen) {
        assertTrue(one);
      }
      return all;
    }

    float[] decode(float[] latents, LatentSize size) {
      return decode(latents, size, Optional.empty());
    }

    @Override
    public void close() {
      try {
        its.close();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** A video, the same again, and in between latents of another size. */
  @ParameterizedTest
  @CsvSource({
    "wan/vae,dec.decoded_clamped,wan/model/vae",
    "wan22/ti2v5b/vae,dec.decoded_clamped,wan22/ti2v5b/model/vae",
    "hunyuan15/t2v,dec.out,hunyuan15/model/vae",
    "cogvideox/vae,dec.decoded,cogvideox/model/vae"
  })
  void decodesAsTheRecordedOneDid(String name, String recorded, String model) throws IOException {
    DeviceRun.assumeDevice();
    GoldenRun golden = GoldenRun.open(name);
    int[] shape = golden.shape("dec.z");
    LatentSize size = new LatentSize(shape[1], shape[2], shape[3], shape[4]);
    LatentSize other = new LatentSize(size.channels(), 2, size.height() + 1, size.width());
    long seed = System.nanoTime();
    List<String> said = new ArrayList<>();
    try (Vae vae = Vae.open(model, directory)) {
      float[] expected = vae.decode(random(other, seed), other);
      vae.onDevice((done, all, what) -> said.add(what));
      golden.check(recorded, vae.decode(golden.floats("dec.z"), size));
      assertEquals(3, said.size(), said.toString());
      assertEquals("VAE", said.get(0));
      assertTrue(said.get(1).matches("\\d+ MiB of device memory taken"), said.get(1));
      assertEquals("ready", said.get(2));
      golden.check(recorded, vae.decode(golden.floats("dec.z"), size));
      assertEquals(3, said.size(), "nothing is compiled or uploaded again");
      float[] onDevice = vae.decode(random(other, seed), other);
      assertEquals(6, said.size());
      assertArrayEquals(expected, onDevice, 1e-4f, "seed " + seed);
    }
  }

  /** Tiles of two sizes, the last one at the right, twice. */
  @ParameterizedTest
  @CsvSource({
    "wan/model/vae",
    "wan22/ti2v5b/model/vae",
    "hunyuan15/model/vae",
    "cogvideox/model/vae"
  })
  void tilesGiveWhatTheCpusGive(String model) throws IOException {
    DeviceRun.assumeDevice();
    long seed = System.nanoTime();
    List<String> said = new ArrayList<>();
    try (Vae vae = Vae.open(model, directory)) {
      int factor = vae.sizes().factor();
      Tiling tiling = new Tiling(4 * factor, 5 * factor, 4 * factor, 3 * factor);
      LatentSize size = new LatentSize(vae.sizes().channels(), 2, 4, 8);
      float[] latents = random(size, seed);
      float[] expected = vae.decode(latents, size, Optional.of(tiling));
      vae.onDevice((done, all, what) -> said.add(done + "/" + all + " " + what));
      for (int turn = 0; turn < 2; turn++) {
        float[] onDevice = vae.decode(latents, size, Optional.of(tiling));
        assertArrayEquals(expected, onDevice, 1e-4f, "seed " + seed);
        assertEquals(
            List.of("0/2 VAE", "1/2 VAE", "2/2 ready"),
            said.stream().filter(line -> !line.contains("MiB")).toList(),
            "each size is prepared once, not once a tile");
      }
    }
  }

  private static float[] random(LatentSize size, long seed) {
    float[] latents = new float[size.elements()];
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < latents.length; i++) {
      latents[i] = (float) random.nextDouble(-2, 2);
    }
    return latents;
  }
}
