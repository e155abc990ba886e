// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.DecodedFrames;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.ResumeFile;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;

/** Whole runs of the tiny Wan model against the runs that the published programs recorded. */
class WanPipelineGoldenTest {
  /** For all that lies behind the embedding of the time step. */
  private static final double BEHIND_TIME = 1e-4;

  @TempDir private static Path directory;
  private static Path folder;

  @BeforeAll
  static void unpack() throws IOException {
    folder = GoldenRun.wanModel(directory);
  }

  private static VideoPipeline pipeline(Map<String, Path> replaced) {
    return Pipelines.open(ModelFolder.open(folder, replaced), Optional.empty(), false);
  }

  private static GenerationSettings settings(
      JsonNode json, Resolution resolution, String frames, StartingLatents start) {
    return new GenerationSettings(
        new GenerationSettings.Prompts(
            json.get("prompt").textValue(), json.get("negative_prompt").textValue()),
        new VideoSize(resolution, json.get(frames).intValue()),
        json.get("steps").intValue(),
        new GuidanceSettings(json.get("guidance_scale").doubleValue(), false),
        OptionalDouble.empty(),
        start);
  }

  static GenerationAttention attention(
      Map<String, String> variables, VideoPipeline pipeline, GenerationSettings settings) {
    Map<String, String> all = new HashMap<>(variables);
    all.put("LVSA_BACKEND", "vector");
    return new GenerationAttention(
        new GenerationAttention.Settings(
            TestConfig.of(all), StepCounting.EXAMPLES, KernelOptions.DEFAULT, Optional.empty()),
        pipeline.attended(settings.size()),
        LineLog.none());
  }

  private static StartingLatents given(String run, Path scratch) throws IOException {
    return new StartingLatents.Given(GoldenRun.file(run + ".safetensors", scratch));
  }

  /** Runs and compares every step, and the frames if they were recorded. */
  private static void check(
      GoldenRun run,
      Map<String, Path> replaced,
      GenerationSettings settings,
      Map<String, String> variables)
      throws IOException {
    Map<String, Double> differences = new TreeMap<>();
    try (VideoPipeline pipeline = pipeline(replaced);
        Denoising denoising = pipeline.prepare(settings);
        GenerationAttention attention = attention(variables, pipeline, settings)) {
      float[] latents =
          denoising.run(
              attention,
              Optional.empty(),
              (step, sample, history) -> {
                String name = "step" + step + ".latents";
                differences.put(name, run.checkAtLeast(name, sample, BEHIND_TIME));
              });
      assertEquals(settings.steps(), differences.size());
      if (run.names().contains("frames_uint8_round")) {
        List<byte[]> frames = DecodedFrames.of(pipeline, settings.size(), latents);
        differences.put("frames", run.checkFrames("frames_uint8_round", frames));
      }
    }
    System.out.println("rms-relative differences, pipeline: " + differences);
  }

  @ParameterizedTest
  @ValueSource(strings = {"unipc", "euler"})
  void denseRunsEqualTheRecordedOnes(String name, @TempDir Path scratch) throws IOException {
    GoldenRun run = GoldenRun.open("wan/" + name);
    Map<String, Path> replaced =
        name.equals("euler")
            ? Map.of(
                "scheduler",
                GoldenRun.file("wan/scheduler_euler/scheduler_config.json", scratch).getParent())
            : Map.of();
    JsonNode json = run.json().get("settings");
    Resolution resolution =
        new Resolution(json.get("width").intValue(), json.get("height").intValue());
    check(
        run,
        replaced,
        settings(json, resolution, "num_frames", given("wan/" + name, scratch)),
        Map.of());
  }

  @ParameterizedTest
  @ValueSource(strings = {"rot", "static_kfi", "autoscaled", "window0"})
  void sparseRunsEqualTheRecordedOnes(String name, @TempDir Path scratch) throws IOException {
    GoldenRun run = GoldenRun.open("wan_lvsa/" + name);
    JsonNode json = run.json().get("settings");
    Map<String, Path> replaced =
        json.get("sched").textValue().equals("euler")
            ? Map.of(
                "scheduler",
                GoldenRun.file("wan/scheduler_euler/scheduler_config.json", scratch).getParent())
            : Map.of();
    Map<String, String> variables =
        Map.of(
            "DIFFUSION_ATTENTION_BACKEND", "LVSA",
            "LVSA_WINDOW_SIZE", json.get("window").asText(),
            "LVSA_N_FIRST_FRAMES", json.get("first").asText(),
            "LVSA_KEY_FRAME_INTERVAL", json.get("interval").asText(),
            "LVSA_AUTO_KEYFRAMES", json.get("auto").booleanValue() ? "1" : "0",
            "LVSA_ROTATE_KEYFRAMES", json.get("rotate").booleanValue() ? "1" : "0",
            "LVSA_REFERENCE_LATENT_FRAMES", json.get("ref").asText(),
            "LVSA_SPARSITY_SCALE", json.get("scale").asText());
    Resolution resolution = new Resolution(json.get("w").intValue(), json.get("h").intValue());
    check(
        run,
        replaced,
        settings(json, resolution, "frames", given("wan_lvsa/" + name, scratch)),
        variables);
  }

  /** Denoises with dense or sparse attention; a seed's noise. */
  private static float[] denoise(
      VideoPipeline pipeline,
      GenerationSettings settings,
      Map<String, String> variables,
      StepCounting counting,
      Optional<ResumeFile.State> from,
      Map<Integer, ResumeFile.State> states) {
    Map<String, String> all = new HashMap<>(variables);
    all.put("LVSA_BACKEND", "vector");
    GenerationAttention.Settings how =
        new GenerationAttention.Settings(
            TestConfig.of(all), counting, KernelOptions.DEFAULT, Optional.empty());
    try (Denoising denoising = pipeline.prepare(settings);
        GenerationAttention attention =
            new GenerationAttention(how, pipeline.attended(settings.size()), LineLog.none())) {
      return denoising.run(
          attention,
          from,
          (step, sample, history) ->
              states.put(step, new ResumeFile.State(sample, history.get(), Map.of())));
    }
  }

  private static GenerationSettings seeded(long seed, int frames, boolean batched) {
    return new GenerationSettings(
        new GenerationSettings.Prompts("Horses gallop", "static"),
        new VideoSize(new Resolution(48, 32), frames),
        3,
        new GuidanceSettings(4, batched),
        OptionalDouble.of(5),
        new StartingLatents.Seed(seed));
  }

  @Test
  void upToTheHorizonSparseIsDenseBitForBit() {
    long seed = System.nanoTime();
    try (VideoPipeline pipeline = pipeline(Map.of())) {
      // 21 latent frames, Wan's training horizon.
      GenerationSettings settings = seeded(seed, 81, false);
      float[] dense =
          denoise(
              pipeline,
              settings,
              Map.of(),
              StepCounting.EXAMPLES,
              Optional.empty(),
              new HashMap<>());
      Map<String, String> sparse =
          Map.of("DIFFUSION_ATTENTION_BACKEND", "LVSA", "LVSA_ROTATE_KEYFRAMES", "1");
      float[] lvsa =
          denoise(
              pipeline, settings, sparse, StepCounting.EXAMPLES, Optional.empty(), new HashMap<>());
      assertArrayEquals(dense, lvsa, "seed " + seed);
    }
  }

  @ParameterizedTest
  @EnumSource(StepCounting.class)
  void aRunGoesOnToTheIdenticalResult(StepCounting counting) {
    long seed = System.nanoTime();
    Map<String, String> sparse =
        Map.of(
            "DIFFUSION_ATTENTION_BACKEND", "LVSA",
            "LVSA_ROTATE_KEYFRAMES", "1",
            "LVSA_WINDOW_SIZE", "8",
            "LVSA_REFERENCE_LATENT_FRAMES", "9");
    try (VideoPipeline pipeline = pipeline(Map.of())) {
      GenerationSettings settings = seeded(seed, 69, false);
      Map<Integer, ResumeFile.State> states = new HashMap<>();
      float[] whole = denoise(pipeline, settings, sparse, counting, Optional.empty(), states);
      for (int step = 0; step < 2; step++) {
        Optional<ResumeFile.State> from = Optional.of(states.get(step));
        float[] resumed = denoise(pipeline, settings, sparse, counting, from, new HashMap<>());
        assertArrayEquals(whole, resumed, "after step " + step + ", seed " + seed);
      }
    }
  }

  @Test
  void guidanceInOneBatchEqualsTwoPasses() {
    long seed = System.nanoTime();
    try (VideoPipeline pipeline = pipeline(Map.of())) {
      float[] two =
          denoise(
              pipeline,
              seeded(seed, 17, false),
              Map.of(),
              StepCounting.EXAMPLES,
              Optional.empty(),
              new HashMap<>());
      float[] one =
          denoise(
              pipeline,
              seeded(seed, 17, true),
              Map.of(),
              StepCounting.EXAMPLES,
              Optional.empty(),
              new HashMap<>());
      for (int e = 0; e < two.length; e++) {
        assertEquals(two[e], one[e], 1e-3 * Math.max(1, Math.abs(two[e])), "seed " + seed);
      }
    }
  }
}
