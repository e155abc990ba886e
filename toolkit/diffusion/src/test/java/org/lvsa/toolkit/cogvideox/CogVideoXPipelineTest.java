// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.DecodedFrames;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.RandomSizes;
import org.lvsa.toolkit.pipeline.ResumeFile;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vae.Tiling;

/**
 * Whole runs of the tiny CogVideoX models against the runs that the published programs recorded.
 */
class CogVideoXPipelineTest {
  private static final double BEHIND_TIME = 1e-4;

  @TempDir private Path directory;

  private VideoPipeline pipeline(String transformer, String scheduler) throws IOException {
    Path folder = GoldenRun.cogVideoXModel(directory);
    Map<String, Path> replaced = new HashMap<>();
    if (!transformer.equals("model/transformer")) {
      replaced.put("transformer", GoldenRun.component("cogvideox/" + transformer, directory));
    }
    if (scheduler.equals("ddim")) {
      replaced.put(
          "scheduler",
          GoldenRun.file("cogvideox/scheduler_ddim/scheduler_config.json", directory).getParent());
    }
    return Pipelines.open(ModelFolder.open(folder, replaced), Optional.empty(), false);
  }

  private GenerationSettings settings(
      String run, JsonNode json, VideoSize size, boolean dynamic, boolean noise)
      throws IOException {
    Path file = GoldenRun.file(run + ".safetensors", directory);
    return new GenerationSettings(
        new GenerationSettings.Prompts(
            json.get("prompt").textValue(), json.get("negative_prompt").textValue()),
        size,
        json.path("num_inference_steps").asInt(json.path("steps").intValue()),
        new GuidanceSettings(
            json.get("guidance_scale").doubleValue(),
            false,
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            dynamic),
        OptionalDouble.empty(),
        new StartingLatents.Given(file),
        new GenerationSettings.Inputs(
            Optional.empty(),
            Optional.empty(),
            noise ? Optional.of(file) : Optional.empty(),
            GenerationSettings.TextMask.MASKED));
  }

  private static GenerationAttention attention(
      Map<String, String> variables, VideoPipeline pipeline, GenerationSettings settings) {
    Map<String, String> all = new HashMap<>(variables);
    all.put("LVSA_BACKEND", "vector");
    all.put("LVSA_STRICT", "1");
    return new GenerationAttention(
        new GenerationAttention.Settings(
            TestConfig.of(all), StepCounting.EXAMPLES, KernelOptions.DEFAULT, Optional.empty()),
        pipeline.attended(settings.size()),
        LineLog.none());
  }

  @ParameterizedTest
  @CsvSource({
    "ddim_cog5b,model/transformer",
    "ddim_cog2b,transformer_cog2b",
    "dpm_cog5b,model/transformer",
    "dpm_cog15,transformer_cog15"
  })
  void wholeRuns(String name, String transformer) throws IOException {
    GoldenRun run = GoldenRun.open("cogvideox/" + name);
    JsonNode json = run.json().get("settings");
    String scheduler = json.get("sched").textValue();
    VideoSize size =
        new VideoSize(
            new Resolution(json.get("width").intValue(), json.get("height").intValue()),
            json.get("num_frames").intValue());
    GenerationSettings settings =
        settings(
            "cogvideox/" + name,
            json,
            size,
            json.get("dyn").booleanValue(),
            scheduler.equals("dpm"));
    try (VideoPipeline pipeline = pipeline(transformer, scheduler);
        Denoising denoising = pipeline.prepare(settings);
        GenerationAttention attention = attention(Map.of(), pipeline, settings)) {
      int[] steps = {0};
      float[] latents =
          denoising.run(
              attention,
              Optional.empty(),
              (step, sample, history) -> {
                run.checkAtLeast("step" + step + ".latents", sample, BEHIND_TIME);
                steps[0]++;
              });
      assertEquals(settings.steps(), steps[0]);
      List<byte[]> frames = DecodedFrames.of(pipeline, size, latents);
      assertEquals(pipeline.decodedFrames(size), frames.size());
      run.checkBytes("frames_uint8_round", frames.toArray(byte[][]::new));
    }
  }

  @Test
  void lvsaWithRotatingKeyframes() throws IOException {
    String name = "lvsa_joint/cogvideox_rot";
    GoldenRun run = GoldenRun.open(name);
    JsonNode json = run.json().get("settings");
    VideoSize size =
        new VideoSize(
            new Resolution(json.get("w").intValue(), json.get("h").intValue()),
            json.get("frames").intValue());
    GenerationSettings settings = settings(name, json, size, false, false);
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
    try (VideoPipeline pipeline = pipeline("model/transformer", "ddim");
        Denoising denoising = pipeline.prepare(settings);
        GenerationAttention attention = attention(variables, pipeline, settings)) {
      denoising.run(
          attention,
          Optional.empty(),
          (step, sample, history) ->
              run.checkAtLeast("step" + step + ".latents", sample, BEHIND_TIME));
      assertTrue(attention.report().density() < 0.9, "density " + attention.report().density());
      assertEquals(List.of(), attention.report().fallbacks());
    }
  }

  /** A run that goes on from its first step draws the same noise and ends at the same latents. */
  @Test
  void goesOnAfterAnInterruption() throws IOException {
    VideoSize size = new VideoSize(new Resolution(48, 32), 9);
    GenerationSettings settings =
        new GenerationSettings(
            new GenerationSettings.Prompts("A boat", ""),
            size,
            4,
            new GuidanceSettings(3, false),
            OptionalDouble.empty(),
            new StartingLatents.Seed(5));
    try (VideoPipeline pipeline = pipeline("transformer_cog15", "dpm");
        Denoising denoising = pipeline.prepare(settings);
        GenerationAttention attention = attention(Map.of(), pipeline, settings);
        GenerationAttention second = attention(Map.of(), pipeline, settings)) {
      List<ResumeFile.State> states = new ArrayList<>();
      float[] whole =
          denoising.run(
              attention,
              Optional.empty(),
              (step, sample, history) ->
                  states.add(new ResumeFile.State(sample, history.get(), Map.of())));
      float[] goneOn =
          denoising.run(second, Optional.of(states.get(1)), (step, sample, history) -> {});
      assertArrayEquals(whole, goneOn);
    }
  }

  @Test
  void noiseThatIsMissingIsNamedBeforeAnythingRuns() throws IOException {
    String name = "cogvideox/dpm_cog5b";
    JsonNode json = GoldenRun.open(name).json().get("settings");
    VideoSize size = new VideoSize(new Resolution(80, 48), 9);
    GenerationSettings three = settings(name, json, size, true, true);
    GenerationSettings five =
        new GenerationSettings(
            three.prompts(),
            size,
            5,
            three.guidance(),
            three.flowShift(),
            three.start(),
            three.inputs());
    try (VideoPipeline pipeline = pipeline("model/transformer", "dpm")) {
      MalformedFileException refused =
          assertThrows(MalformedFileException.class, () -> pipeline.prepare(five));
      assertTrue(refused.getMessage().contains("noise04 is missing"), refused.getMessage());
    }
  }

  @Test
  void otherSchedulersAreRefused() throws IOException {
    Path flow = Files.createDirectory(directory.resolve("flow"));
    Files.writeString(
        flow.resolve("scheduler_config.json"),
        "{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"shift\": 3.0}");
    ModelFolder folder =
        ModelFolder.open(GoldenRun.cogVideoXModel(directory), Map.of("scheduler", flow));
    MalformedFileException refused =
        assertThrows(
            MalformedFileException.class, () -> Pipelines.open(folder, Optional.empty(), false));
    assertTrue(refused.getMessage().contains("CogVideoXDPMScheduler"), refused.getMessage());
  }

  /** Horizons of the published models, and one more latent frame where patches reach over two. */
  @ParameterizedTest
  @ValueSource(strings = {"cogvideox-2b", "cogvideox-5b", "cogvideox1.5-5b"})
  void randomWeightsHaveThePublishedHorizons(String name) {
    boolean temporal = name.contains("1.5");
    try (VideoPipeline pipeline =
        Pipelines.random(new RandomSizes(name, RandomSizes.Scale.SMALL, OptionalInt.of(1)))) {
      VideoSize size = new VideoSize(pipeline.defaults().resolution(), temporal ? 81 : 49);
      GenerationSettings settings =
          new GenerationSettings(
              new GenerationSettings.Prompts("noise", ""),
              size,
              2,
              new GuidanceSettings(6, false),
              OptionalDouble.empty(),
              new StartingLatents.Seed(1));
      assertEquals(
          temporal ? "11" : "13",
          pipeline.attentionDefaults(settings).get(Setting.LVSA_REFERENCE_LATENT_FRAMES));
      assertEquals(temporal ? 22 : 13, pipeline.latents(size).frames());
      assertEquals(temporal ? 11 : 13, pipeline.attended(size).frames());
      assertEquals(size.frames(), pipeline.defaults().frames());
      long whole = pipeline.memory(settings, Optional.empty(), 1).getLast().bytes();
      long tiles =
          pipeline.memory(settings, Optional.of(new Tiling(64, 64, 48, 48)), 1).getLast().bytes();
      assertTrue(tiles < whole, tiles + " and " + whole);
    }
  }

  @Test
  void paddingIsLeftOutAtTheFront() {
    LatentSize padded = new LatentSize(2, 4, 1, 1, true);
    LatentSize video = new LatentSize(2, 3, 1, 1);
    assertArrayEquals(
        new float[] {3, 5, 7, 4, 6, 8},
        CogVideoXPipeline.channelsFirst(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, padded, video));
    assertEquals(List.of(1L, 4L, 2L, 1L, 1L), Arrays.stream(padded.shape()).boxed().toList());
  }
}
