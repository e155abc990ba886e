// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.pipeline.DeviceChoice;
import org.lvsa.toolkit.vae.AutoencoderKlWan;
import org.lvsa.toolkit.vae.FrameSink;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;
import org.lvsa.toolkit.weights.ComponentFiles;

/** Wan's autoencoders on a device, in float32, against what the published ones decoded. */
@Tag("full")
class DeviceVaeTest {
  @TempDir private Path directory;

  /** A video, the same again, and in between latents of another size. */
  @ParameterizedTest
  @CsvSource({"wan/vae,wan/model/vae", "wan22/ti2v5b/vae,wan22/ti2v5b/model/vae"})
  void decodesAsTheRecordedOneDid(String name, String model) throws IOException {
    DeviceRun.assumeDevice();
    GoldenRun golden = GoldenRun.open(name);
    int[] shape = golden.shape("dec.z");
    LatentSize size = new LatentSize(shape[1], shape[2], shape[3], shape[4]);
    LatentSize other = new LatentSize(size.channels(), 2, size.height() + 1, size.width());
    long seed = System.nanoTime();
    List<String> said = new ArrayList<>();
    try (AutoencoderKlWan vae = open(model)) {
      float[] expected = decode(vae, random(other, seed), other);
      vae.decodeOnDevice(
          new DeviceChoice("tornado", DType.F32, KernelOptions.DEFAULT)::openDecoder,
          (done, all, what) -> said.add(what));
      golden.check("dec.decoded_clamped", decode(vae, golden.floats("dec.z"), size));
      assertEquals(3, said.size(), said.toString());
      assertEquals("VAE", said.get(0));
      assertTrue(said.get(1).matches("\\d+ MiB of device memory taken"), said.get(1));
      assertEquals("ready", said.get(2));
      golden.check("dec.decoded_clamped", decode(vae, golden.floats("dec.z"), size));
      assertEquals(3, said.size(), "nothing is compiled or uploaded again");
      float[] onDevice = decode(vae, random(other, seed), other);
      assertEquals(6, said.size());
      for (int i = 0; i < expected.length; i++) {
        assertEquals(expected[i], onDevice[i], 1e-4, "seed " + seed);
      }
    }
  }

  /** Tiles of two sizes, the last one at the right, twice. */
  @ParameterizedTest
  @CsvSource({"wan/model/vae,8", "wan22/ti2v5b/model/vae,16"})
  void tilesGiveWhatTheCpusGive(String model, int factor) throws IOException {
    DeviceRun.assumeDevice();
    Tiling tiling = new Tiling(4 * factor, 5 * factor, 4 * factor, 3 * factor);
    long seed = System.nanoTime();
    List<String> said = new ArrayList<>();
    try (AutoencoderKlWan vae = open(model)) {
      LatentSize size = new LatentSize(vae.config().latentChannels(), 2, 4, 8);
      float[] latents = random(size, seed);
      float[] expected = decode(vae, latents, size, Optional.of(tiling));
      vae.decodeOnDevice(
          new DeviceChoice("tornado", DType.F32, KernelOptions.DEFAULT)::openDecoder,
          (done, all, what) -> said.add(done + "/" + all + " " + what));
      for (int turn = 0; turn < 2; turn++) {
        float[] onDevice = decode(vae, latents, size, Optional.of(tiling));
        for (int i = 0; i < expected.length; i++) {
          assertEquals(expected[i], onDevice[i], 1e-4, "seed " + seed);
        }
        assertEquals(
            List.of("0/2 VAE", "1/2 VAE", "2/2 ready"),
            said.stream().filter(line -> !line.contains("MiB")).toList(),
            "each size is prepared once, not once a tile");
      }
    }
  }

  private AutoencoderKlWan open(String model) throws IOException {
    return AutoencoderKlWan.open(ComponentFiles.in(GoldenRun.component(model, directory)), false);
  }

  private static float[] random(LatentSize size, long seed) {
    float[] latents = new float[size.elements()];
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < latents.length; i++) {
      latents[i] = (float) random.nextDouble(-2, 2);
    }
    return latents;
  }

  /** The pixels, {@code [3, frames, height, width]}. */
  private static float[] decode(AutoencoderKlWan vae, float[] latents, LatentSize size) {
    return decode(vae, latents, size, Optional.empty());
  }

  private static float[] decode(
      AutoencoderKlWan vae, float[] latents, LatentSize size, Optional<Tiling> tiling) {
    int factor = vae.config().spatialFactor();
    int frames = vae.config().frames(size.frames());
    float[] all = new float[3 * frames * size.height() * factor * size.width() * factor];
    boolean[] seen = new boolean[frames];
    FrameSink sink =
        (first, stretch) -> {
          stretch.copyToChannelsFirst(all, frames, first);
          Arrays.fill(seen, first, first + stretch.frames(), true);
        };
    if (tiling.isPresent()) {
      vae.decodeTiled(latents, size, tiling.get(), sink);
    } else {
      vae.decode(latents, size, sink);
    }
    for (boolean one : seen) {
      assertTrue(one);
    }
    return all;
  }
}
