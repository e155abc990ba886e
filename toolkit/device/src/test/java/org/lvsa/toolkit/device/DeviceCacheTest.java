// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.cache.CacheSummary;
import org.lvsa.toolkit.cli.Run;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoRun;

/** Step caches around a transformer on a device: they decide and give as on the CPU. */
@Tag("full")
class DeviceCacheTest {
  @TempDir private static Path shared;
  private static VideoPipeline cpu;
  private static VideoPipeline device;

  @BeforeAll
  static void open() throws IOException {
    DeviceRun.assumeDevice();
    Path model = GoldenRun.wanModel(shared);
    cpu = SmallVideo.open(model, Optional.empty());
    device = SmallVideo.open(model, Optional.of(Residence.ALL_BLOCKS));
  }

  @AfterAll
  static void close() {
    if (device != null) {
      cpu.close();
      device.close();
    }
  }

  static void assertNear(float[] expected, float[] actual, double bound) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow((double) expected[i] - actual[i], 2);
      size += (double) expected[i] * expected[i];
    }
    assertTrue(Math.sqrt(difference / size) <= bound, "distance " + Math.sqrt(difference / size));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "SDPA|cache_dit|{\"residual_diff_threshold\": 0.8, \"max_warmup_steps\": 2}",
        "SDPA|cache_dit|{\"residual_diff_threshold\": 1, \"max_warmup_steps\": 3,"
            + " \"enable_taylorseer\": true, \"taylorseer_order\": 2}",
        "LVSA|cache_dit|{\"scm_steps_mask_policy\": \"fast\", \"scm_steps_policy\": \"static\"}",
        "LVSA|first_block|{\"threshold\": 0.8}",
        "SDPA|tea_cache|{\"coefficients\": [0, 0, 0, 1, 0], \"rel_l1_thresh\": 0.5}",
        "LVSA|mag_cache|{\"mag_ratios\": [1.0]}"
      })
  void cachesDecideAndGiveAsOnTheCpu(String attention, String backend, String config) {
    VideoRun.Denoised expected = SmallVideo.run(cpu, attention, backend, config, 5);
    VideoRun.Denoised actual = SmallVideo.run(device, attention, backend, config, 5);
    Map<String, String> steps = expected.cache().orElseThrow().steps();
    assertTrue(steps.values().stream().anyMatch(text -> text.contains("C")), steps.toString());
    assertEquals(steps, actual.cache().orElseThrow().steps());
    assertNear(expected.latents(), actual.latents(), 1e-4);
  }

  @Test
  void aCacheThatComputesEverythingChangesNothingAndNoRunLeavesATrace() {
    String caching = "{\"residual_diff_threshold\": 1, \"max_warmup_steps\": 2}";
    VideoRun.Denoised plain = SmallVideo.run(device, "SDPA", "none", "", 5);
    VideoRun.Denoised all =
        SmallVideo.run(device, "SDPA", "cache_dit", "{\"residual_diff_threshold\": 0}", 5);
    assertArrayEquals(plain.latents(), all.latents());
    VideoRun.Denoised first = SmallVideo.run(device, "SDPA", "cache_dit", caching, 5);
    SmallVideo.run(device, "SDPA", "cache_dit", caching, 6);
    VideoRun.Denoised again = SmallVideo.run(device, "SDPA", "cache_dit", caching, 5);
    assertEquals(first.cache().orElseThrow().steps(), again.cache().orElseThrow().steps());
    assertArrayEquals(first.latents(), again.latents());
  }

  /** The sweep that times true sizes on a GPU, with small ones. */
  @Test
  void aSweepOfScriptedCachesRunsOnADevice(@TempDir Path folder) throws IOException {
    Run run =
        Run.lvsa(
            "sweep-cache",
            "--random-weights",
            "wan2.1-1.3b",
            "--layers",
            "3",
            "--frames",
            "5",
            "--resolution",
            "32x32",
            "--steps",
            "8",
            "--guidance-scale",
            "2",
            "--attentions",
            "dense",
            "--preset",
            "scripted",
            "--latents-only",
            "--transformer",
            "device",
            "--dtype",
            "f32",
            "-o",
            folder);
    assertEquals(0, run.code(), run.err());
    // The heading, no cache, four masks with and without TaylorSeer, three of MagCache.
    assertEquals(13, Files.readAllLines(folder.resolve("cache.csv")).size());
    assertTrue(Files.readString(folder.resolve("cache.csv")).contains("cond ...C.CC."));
  }

  /** Outputs of attentions that are taken again, of one kind and of both. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "SDPA|{\"spatial_attention_block_skip_range\": 2}",
        "LVSA|{\"cross_attention_block_skip_range\": 3}",
        "SDPA|{\"spatial_attention_block_skip_range\": 3,"
            + " \"cross_attention_block_skip_range\": 2}"
      })
  void attentionsAreTakenAgainAsOnTheCpu(String attention, String config) {
    VideoRun.Denoised plain = SmallVideo.run(device, attention, "none", "", 5);
    VideoRun.Denoised expected = SmallVideo.run(cpu, attention, "pab", config, 5);
    VideoRun.Denoised actual = SmallVideo.run(device, attention, "pab", config, 5);
    assertTrue(expected.cache().orElseThrow().cached() > 0);
    assertEquals(expected.cache(), actual.cache());
    assertNear(expected.latents(), actual.latents(), 1e-4);
    assertFalse(Arrays.equals(plain.latents(), actual.latents()));
    // Nothing of a run is left for the next one.
    assertArrayEquals(plain.latents(), SmallVideo.run(device, attention, "none", "", 5).latents());
    SmallVideo.run(device, attention, "pab", config, 6);
    assertArrayEquals(
        actual.latents(), SmallVideo.run(device, attention, "pab", config, 5).latents());
  }

  @Test
  void anAttentionThatIsAlwaysComputedChangesNothing() {
    assertArrayEquals(
        SmallVideo.run(device, "SDPA", "none", "", 5).latents(),
        SmallVideo.run(device, "SDPA", "pab", "{\"spatial_attention_block_skip_range\": 1}", 5)
            .latents());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {"mag_cache|{\"mag_calibrate\": true}", "tea_cache|{\"tea_calibrate\": true}"})
  void cachesAreCalibratedAsOnTheCpu(String backend, String config) {
    CacheSummary.Measured expected = measured(cpu, backend, config);
    CacheSummary.Measured actual = measured(device, backend, config);
    assertEquals(expected.name(), actual.name());
    assertEquals(expected.values().size(), actual.values().size());
    if (backend.equals("mag_cache")) {
      for (int step = 0; step < expected.values().size(); step++) {
        assertEquals(expected.values().get(step), actual.values().get(step), 1e-4);
      }
    } else {
      // Coefficients may differ more than what they give: the distance of the points from it.
      double distance = distance(expected);
      assertEquals(distance, distance(actual), 0.02 * distance);
    }
  }

  /** The last number of the words that say how it was measured. */
  private static double distance(CacheSummary.Measured measured) {
    String quality = measured.quality();
    return Double.parseDouble(quality.substring(quality.lastIndexOf(' ') + 1));
  }

  private static CacheSummary.Measured measured(
      VideoPipeline pipeline, String backend, String config) {
    CacheSummary summary =
        SmallVideo.run(pipeline, "SDPA", backend, config, 5).cache().orElseThrow();
    assertEquals(0, summary.cached());
    return summary.measured().orElseThrow();
  }

  @Test
  void aUserCalibratesThere(@TempDir Path folder) throws IOException {
    List<Double> ratios = new ArrayList<>();
    for (String transformer : List.of("cpu", "device")) {
      Path file = folder.resolve(transformer + ".json");
      String options =
          "calibrate magcache --random-weights wan2.1-1.3b --layers 2 --frames 5 --resolution 32x32"
              + " --steps 3 --guidance-scale 2 --dtype f32 --transformer "
              + transformer
              + " -o "
              + file;
      Run run = Run.lvsa((Object[]) options.split(" "));
      assertEquals(0, run.code(), run.err());
      assertEquals(
          transformer.equals("device"),
          run.err().contains("MiB of device memory taken"),
          run.err());
      Json.read(file).get("mag_ratios").forEach(ratio -> ratios.add(ratio.doubleValue()));
    }
    assertEquals(6, ratios.size());
    for (int step = 0; step < 3; step++) {
      assertEquals(ratios.get(step), ratios.get(step + 3), 1e-4, ratios.toString());
    }
  }
}
