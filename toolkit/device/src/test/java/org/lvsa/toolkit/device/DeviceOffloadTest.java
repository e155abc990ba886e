// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.cli.Run;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoRun;

/** A transformer whose weights stay in the host's memory: two blocks are on the device. */
@Tag("full")
class DeviceOffloadTest {
  @TempDir private static Path shared;
  private static VideoPipeline resident;
  private static VideoPipeline offloaded;

  @TempDir private Path directory;

  @BeforeAll
  static void open() throws IOException {
    DeviceRun.assumeDevice();
    Path model = GoldenRun.wanModel(shared);
    resident = SmallVideo.open(model, Optional.of(Residence.ALL_BLOCKS));
    offloaded = SmallVideo.open(model, Optional.of(Residence.TWO_BLOCKS));
  }

  @AfterAll
  static void close() {
    if (offloaded != null) {
      resident.close();
      offloaded.close();
    }
  }

  /** The last two leave blocks out, so that what was sent is not what runs. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "SDPA|none|",
        "LVSA|none|",
        "SDPA|cache_dit|{\"residual_diff_threshold\": 1, \"max_warmup_steps\": 2}",
        "LVSA|mag_cache|{\"mag_ratios\": [1.0]}",
        "SDPA|pab|{\"spatial_attention_block_skip_range\": 2}"
      })
  void theVideoIsTheSameBitForBit(String attention, String backend, String config) {
    String settings = config == null ? "" : config;
    VideoRun.Denoised expected = SmallVideo.run(resident, attention, backend, settings, 5);
    assertArrayEquals(
        expected.latents(), SmallVideo.run(offloaded, attention, backend, settings, 5).latents());
    // Nothing of the last video is left over.
    SmallVideo.run(offloaded, attention, backend, settings, 6);
    assertArrayEquals(
        expected.latents(), SmallVideo.run(offloaded, attention, backend, settings, 5).latents());
  }

  /** Mebibytes of weights that the device holds, as a user is told. */
  private long weights(String... offload) {
    Path out = directory.resolve("out.safetensors");
    String options =
        "generate --transformer device --random-weights wan2.1-1.3b --layers 5 --frames 5"
            + " --resolution 32x32 --steps 1 --dtype f32";
    List<Object> words = new ArrayList<>(List.of((Object[]) options.split(" ")));
    words.addAll(List.of((Object[]) offload));
    words.addAll(List.of("-o", out));
    Run made = Run.lvsa(words.toArray());
    assertEquals(0, made.code(), made.err());
    assertTrue(Files.exists(out));
    Matcher said = Pattern.compile("weights (of 2 of 5 blocks )?(\\d+) MiB").matcher(made.err());
    assertTrue(said.find(), made.err());
    assertEquals(offload.length > 0, said.group(1) != null, made.err());
    return Long.parseLong(said.group(2));
  }

  @Test
  void aUserIsToldHowLittleTheDeviceHolds() {
    long all = weights();
    long two = weights("--enable-layerwise-offload");
    assertTrue(two < all, two + " of " + all);
  }
}
