// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.hunyuan.TinyHunyuan;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.Inputs;
import org.lvsa.toolkit.pipeline.GenerationSettings.TextMask;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoRun;
import org.lvsa.toolkit.vision.Picture;

/**
 * The tiny HunyuanVideo 1.5 models on a device, in float32: against the runs that the published
 * program made, and against the CPU where there is none.
 */
@Tag("full")
class DeviceHunyuanTest {
  @TempDir private static Path shared;
  private static Path model;
  private static Path withPicture;

  @TempDir private Path directory;

  @BeforeAll
  static void unpack() throws IOException {
    DeviceRun.assumeDevice();
    model = TinyHunyuan.unpack(shared.resolve("text"));
    withPicture = TinyHunyuan.unpackWithPicture(shared.resolve("picture"));
  }

  /** What a recorded run was asked; the published program lets padding attend. */
  private GenerationSettings settings(GoldenRun run, String name) throws IOException {
    Optional<Picture> picture = Optional.empty();
    if (run.holds("image")) {
      int[] shape = run.shape("image");
      picture = Optional.of(new Picture(new Resolution(shape[1], shape[0]), run.unsigned("image")));
    }
    return DeviceRun.settings(
        run,
        GoldenRun.file(name + ".safetensors", directory),
        new Inputs(picture, Optional.empty(), Optional.empty(), TextMask.PUBLISHED));
  }

  /**
   * The prompt's text and the negative one are of different lengths, and share what is compiled.
   */
  @ParameterizedTest
  @ValueSource(strings = {"hunyuan15/t2v", "hunyuan15_i2v/i2v"})
  void aDenseRunEqualsTheRecordedOneAndASecondOneStartsAtOnce(String name) throws IOException {
    GoldenRun run = GoldenRun.open(name);
    GenerationSettings settings = settings(run, name);
    Path folder = name.endsWith("i2v") ? withPicture : model;
    try (DeviceRun device = DeviceRun.open(folder, Map.of(), settings.size(), false)) {
      List<String> said = device.said();
      assertTrue(said.getFirst().startsWith("memory of "), said::toString);
      assertEquals("3/3 ready", said.getLast());
      assertEquals(1, device.equalsRecorded(run, settings, Map.of()).density());
      assertEquals(List.of(), device.said(), "nothing is compiled or uploaded again");
    }
  }

  /** Queries of the video see their frames and the whole text, those of the text see everything. */
  @ParameterizedTest
  @CsvSource({"lvsa_joint/hunyuan15_rot, 8, 9", "hunyuan15_i2v/i2v_rot, 4, 6"})
  void aSparseRunEqualsTheRecordedOne(String name, String window, String reference)
      throws IOException {
    GoldenRun run = GoldenRun.open(name);
    GenerationSettings settings = settings(run, name);
    Map<String, String> variables =
        new HashMap<>(
            Map.of(
                "DIFFUSION_ATTENTION_BACKEND",
                "LVSA",
                "LVSA_ROTATE_KEYFRAMES",
                "1",
                "LVSA_WINDOW_SIZE",
                window,
                "LVSA_REFERENCE_LATENT_FRAMES",
                reference));
    Path folder = name.startsWith("hunyuan15_i2v") ? withPicture : model;
    try (DeviceRun device = DeviceRun.open(folder, Map.of(), settings.size(), false)) {
      double density = device.equalsRecorded(run, settings, variables).density();
      assertTrue(density < 1, "density " + density);
    }
  }

  /** Without the padding, and with weights on the host; caches decide and give as on the CPU. */
  @Test
  void sparseRunsWithStepCachesEqualTheCpu() {
    try (VideoPipeline cpu = SmallVideo.open(model, Optional.empty());
        VideoPipeline resident = SmallVideo.open(model, Optional.of(Residence.ALL_BLOCKS));
        VideoPipeline offloaded = SmallVideo.open(model, Optional.of(Residence.TWO_BLOCKS))) {
      String caching =
          "{\"residual_diff_threshold\": 1, \"max_warmup_steps\": 3, \"Fn_compute_blocks\": 1,"
              + " \"enable_taylorseer\": true, \"taylorseer_order\": 1}";
      String tea = "{\"coefficients\": [0, 0, 0, 1, 0], \"rel_l1_thresh\": 0.5}";
      for (VideoPipeline device : List.of(resident, offloaded)) {
        for (String[] cache :
            new String[][] {{"none", ""}, {"cache_dit", caching}, {"tea_cache", tea}}) {
          VideoRun.Denoised expected = SmallVideo.run(cpu, "LVSA", cache[0], cache[1], 5);
          VideoRun.Denoised actual = SmallVideo.run(device, "LVSA", cache[0], cache[1], 5);
          assertEquals(
              expected.cache().map(one -> one.steps()), actual.cache().map(one -> one.steps()));
          DeviceCacheTest.assertNear(expected.latents(), actual.latents(), 1e-4);
        }
      }
    }
  }
}
