// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
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
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.transformer.TransformerBackend.Residence;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.cli.Run;
import org.lvsa.toolkit.pipeline.AttentionReport;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.Inputs;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoRun;

/** The tiny CogVideoX models on a device, in float32, against recorded runs and the CPU. */
@Tag("full")
class DeviceCogVideoTest {
  @TempDir private static Path shared;

  /** The tiny model on the CPU, on the device, and there with two blocks at a time. */
  private static final List<VideoPipeline> SMALL = new ArrayList<>();

  @TempDir private Path directory;

  @BeforeAll
  static void open() throws IOException {
    DeviceRun.assumeDevice();
    Path model = GoldenRun.cogVideoXModel(shared);
    SMALL.add(SmallVideo.open(model, Optional.empty()));
    for (Residence residence : Residence.values()) {
      SMALL.add(SmallVideo.open(model, Optional.of(residence)));
    }
  }

  @AfterAll
  static void close() {
    SMALL.forEach(VideoPipeline::close);
  }

  /**
   * Opens the model.
   *
   * @param transformer and {@code scheduler} in place of the model's own, empty for those
   */
  private DeviceRun open(String transformer, String scheduler, GenerationSettings settings)
      throws IOException {
    Map<String, Path> replaced = new HashMap<>();
    if (!transformer.equals("model/transformer")) {
      replaced.put("transformer", GoldenRun.component("cogvideox/" + transformer, directory));
    }
    if (scheduler.equals("ddim")) {
      replaced.put(
          "scheduler",
          GoldenRun.file("cogvideox/scheduler_ddim/scheduler_config.json", directory).getParent());
    }
    return DeviceRun.open(GoldenRun.cogVideoXModel(directory), replaced, settings.size(), false);
  }

  private GenerationSettings settings(GoldenRun run, String name, boolean noise)
      throws IOException {
    Path file = GoldenRun.file(name + ".safetensors", directory);
    Inputs inputs =
        noise
            ? new Inputs(
                Optional.empty(),
                Optional.empty(),
                Optional.of(file),
                GenerationSettings.TextMask.MASKED)
            : Inputs.NONE;
    return DeviceRun.settings(run, file, inputs);
  }

  @ParameterizedTest
  @CsvSource({
    "ddim_cog5b,model/transformer",
    "ddim_cog2b,transformer_cog2b",
    "dpm_cog5b,model/transformer",
    "dpm_cog15,transformer_cog15"
  })
  void aDenseRunEqualsTheRecordedOne(String name, String transformer) throws IOException {
    GoldenRun run = GoldenRun.open("cogvideox/" + name);
    String scheduler = run.json().at("/settings/sched").textValue();
    GenerationSettings settings = settings(run, "cogvideox/" + name, scheduler.equals("dpm"));
    try (DeviceRun device = open(transformer, scheduler, settings)) {
      List<String> said = device.said();
      assertTrue(said.getFirst().contains(", VAE none (it is on the CPU)"), said::toString);
      assertEquals("3/3 ready", said.getLast());
      assertEquals(1, device.equalsRecorded(run, settings, Map.of()).density());
      assertEquals(List.of(), device.said(), "nothing is compiled or uploaded again");
    }
  }

  @Test
  void aSparseRunWithRotatingKeyFramesEqualsTheRecordedOne() throws IOException {
    String name = "lvsa_joint/cogvideox_rot";
    GoldenRun run = GoldenRun.open(name);
    JsonNode json = run.json().get("settings");
    Map<String, String> variables =
        Map.of(
            "DIFFUSION_ATTENTION_BACKEND",
            "LVSA",
            "LVSA_ROTATE_KEYFRAMES",
            "1",
            "LVSA_AUTO_KEYFRAMES",
            "1",
            "LVSA_WINDOW_SIZE",
            json.get("window").asText(),
            "LVSA_N_FIRST_FRAMES",
            json.get("first").asText(),
            "LVSA_REFERENCE_LATENT_FRAMES",
            json.get("ref").asText());
    GenerationSettings settings = settings(run, name, false);
    try (DeviceRun device = open("model/transformer", "ddim", settings)) {
      AttentionReport report = device.equalsRecorded(run, settings, variables);
      assertTrue(report.density() < 0.9, "density " + report.density());
      assertEquals(List.of(), report.fallbacks());
    }
  }

  /**
   * A step cache on a device keeps one text's tokens, so that a step is two runs there, which
   * decide for themselves: these caches are told what to do. What is kept of weights changes
   * nothing.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "LVSA|cache_dit|{\"scm_steps_mask_policy\": \"fast\", \"scm_steps_policy\": \"static\"}",
        "SDPA|mag_cache|{\"mag_ratios\": [1.0]}"
      })
  void stepCachesAndOffloadingGiveWhatTheCpuGives(String attention, String backend, String config) {
    List<float[]> latents =
        SMALL.stream()
            .map(one -> SmallVideo.run(one, attention, backend, config, 5).latents())
            .toList();
    DeviceCacheTest.assertNear(latents.get(0), latents.get(1), 1e-4);
    assertArrayEquals(latents.get(1), latents.get(2));
  }

  /** Without guidance there is one text, so that the CPU's cache sees what the device's sees. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "SDPA|cache_dit|{\"residual_diff_threshold\": 0.8, \"max_warmup_steps\": 2}",
        "LVSA|first_block|{\"threshold\": 0.8}",
        "SDPA|tea_cache|{\"coefficients\": [0, 0, 0, 1, 0], \"rel_l1_thresh\": 100}"
      })
  void stepCachesDecideAsOnTheCpuWhereThereIsOneText(
      String attention, String backend, String config) {
    VideoRun.Denoised expected = SmallVideo.run(SMALL.getFirst(), attention, backend, config, 5, 1);
    VideoRun.Denoised actual = SmallVideo.run(SMALL.get(1), attention, backend, config, 5, 1);
    Map<String, String> steps = expected.cache().orElseThrow().steps();
    assertTrue(steps.values().stream().anyMatch(text -> text.contains("C")), steps.toString());
    assertEquals(steps, actual.cache().orElseThrow().steps());
    DeviceCacheTest.assertNear(expected.latents(), actual.latents(), 1e-4);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cogvideox-2b", "cogvideox1.5-5b"})
  void randomWeightsOfAModelsSizesRun(String name) {
    Path out = directory.resolve("out.safetensors");
    String options =
        "generate --transformer device --frames 5 --resolution 48x32 --steps 2 --attention lvsa"
            + " --dtype f32 --random-weights "
            + name
            + " -o";
    List<Object> words = new ArrayList<>(List.of((Object[]) options.split(" ")));
    words.add(out);
    Run made = Run.lvsa(words.toArray());
    assertEquals(0, made.code(), made.err());
    assertTrue(Files.exists(out));
    assertTrue(made.out().contains("kernel java-tiled-f32+portable-f32 on "), made.out());
    assertTrue(made.err().contains("memory of "), made.err());
  }
}
