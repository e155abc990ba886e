// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
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
import java.util.OptionalDouble;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.TestFiles;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.Capability;
import org.lvsa.toolkit.pipeline.DecodedFrames;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.Inputs;
import org.lvsa.toolkit.pipeline.GenerationSettings.Prompts;
import org.lvsa.toolkit.pipeline.GenerationSettings.TextMask;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.Guider;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.ResumeFile;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.vision.Picture;

/**
 * Whole runs of the tiny HunyuanVideo 1.5 model that begin with a picture, or that use the options
 * of its guider, against runs of the published code.
 */
class HunyuanImageToVideoTest {
  private static final String RUNS = "hunyuan15_i2v/";

  @TempDir private static Path directory;
  private static Path folder;

  @TempDir private Path scratch;

  @BeforeAll
  static void unpack() throws IOException {
    folder = TinyHunyuan.unpackWithPicture(directory);
  }

  private static VideoPipeline open() {
    return Pipelines.open(ModelFolder.open(folder), Optional.empty(), false);
  }

  private static Picture picture(GoldenRun run, String name) {
    int[] shape = run.shape(name);
    return new Picture(new Resolution(shape[1], shape[0]), run.unsigned(name));
  }

  /** The settings of a recorded run, which begins with its picture where it has one. */
  private GenerationSettings settings(
      GoldenRun run, String name, GuidanceSettings guidance, TextMask mask) throws IOException {
    JsonNode json = run.json().get("settings");
    return new GenerationSettings(
        new Prompts(json.get("prompt").textValue(), json.get("negative_prompt").textValue()),
        new VideoSize(
            new Resolution(json.get("width").intValue(), json.get("height").intValue()),
            json.get("num_frames").intValue()),
        json.get("num_inference_steps").intValue(),
        guidance,
        OptionalDouble.empty(),
        new StartingLatents.Given(GoldenRun.file(RUNS + name + ".safetensors", scratch)),
        new Inputs(
            run.holds("image") ? Optional.of(picture(run, "image")) : Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            mask));
  }

  private static float[] check(
      GoldenRun run,
      VideoPipeline pipeline,
      GenerationSettings settings,
      Map<String, String> variables) {
    return HunyuanRuns.check(run, pipeline, settings, variables, new ArrayList<>());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aDenseRunEqualsTheRecordedOne(boolean batched) throws IOException {
    GoldenRun run = GoldenRun.open(RUNS + "i2v");
    try (VideoPipeline pipeline = open()) {
      assertEquals("HunyuanVideo15ImageToVideoPipeline", pipeline.className());
      assertTrue(pipeline.capabilities().contains(Capability.IMAGE_INPUT));
      GenerationSettings settings =
          settings(run, "i2v", new GuidanceSettings(6, batched), TextMask.PUBLISHED);
      float[] latents = check(run, pipeline, settings, Map.of());
      List<byte[]> frames = DecodedFrames.of(pipeline, settings.size(), latents);
      run.checkFrames("frames_uint8_round", frames);
    }
  }

  @Test
  void thePictureDecidesTheDefaultSize() throws IOException {
    GoldenRun run = GoldenRun.open(RUNS + "i2v");
    try (VideoPipeline pipeline = open()) {
      Resolution picture = picture(run, "image").size();
      assertEquals(new Resolution(96, 64), pipeline.defaults(Optional.of(picture)).resolution());
      for (JsonNode row : run.json().get("default_sizes")) {
        JsonNode size = row.get("picture");
        JsonNode result = row.get("result");
        Resolution other = new Resolution(size.get(0).intValue(), size.get(1).intValue());
        assertEquals(
            new Resolution(result.get(1).intValue(), result.get(0).intValue()),
            pipeline.defaults(Optional.of(other)).resolution(),
            row.toString());
      }
      assertEquals(new Resolution(96, 64), pipeline.defaults().resolution());
    }
  }

  /** With the options of the guider, in two runs per step and in one. */
  @ParameterizedTest
  @CsvSource({"i2v_guider, false", "i2v_guider, true", "t2v_guider, false", "t2v_guider, true"})
  void aGuidersOptionsMakeTheRecordedRun(String name, boolean batched) throws IOException {
    GoldenRun run = GoldenRun.open(RUNS + name);
    JsonNode options = run.json().get("settings").get("guider");
    Guider guider =
        new Guider(
            options.get("guidance_rescale").doubleValue(),
            options.get("start").doubleValue(),
            options.get("stop").doubleValue(),
            options.get("use_original_formulation").booleanValue());
    GuidanceSettings guidance =
        new GuidanceSettings(options.get("guidance_scale").doubleValue(), batched)
            .withGuider(guider);
    Path model = name.startsWith("t2v") ? TinyHunyuan.unpack(scratch.resolve("text")) : folder;
    try (VideoPipeline pipeline =
        Pipelines.open(ModelFolder.open(model), Optional.empty(), false)) {
      check(run, pipeline, settings(run, name, guidance, TextMask.MASKED), Map.of());
    }
  }

  /** The folder says the options, and nobody has to repeat them. */
  @Test
  void theFoldersGuiderIsTheDefault() throws IOException {
    Path guider = Files.createDirectories(scratch.resolve("guider"));
    Files.writeString(
        guider.resolve("guider_config.json"),
        "{\"_class_name\": \"ClassifierFreeGuidance\", \"guidance_scale\": 4.0,"
            + " \"guidance_rescale\": 0.7, \"start\": 0.2, \"stop\": 0.85}");
    ModelFolder changed = ModelFolder.open(folder, Map.of("guider", guider));
    try (VideoPipeline pipeline = Pipelines.open(changed, Optional.empty(), false)) {
      assertEquals(4, pipeline.defaults().guidanceScale());
      assertEquals(Optional.of(new Guider(0.7, 0.2, 0.85, false)), pipeline.defaults().guider());
    }
    Files.writeString(
        guider.resolve("guider_config.json"),
        "{\"_class_name\": \"ClassifierFreeGuidance\", \"guidance_scale\": 4.0, \"enabled\": false,"
            + " \"use_original_formulation\": true}");
    try (VideoPipeline pipeline = Pipelines.open(changed, Optional.empty(), false)) {
      assertEquals(0, pipeline.defaults().guidanceScale(), "off, as the original formula has it");
    }
  }

  @Test
  void aTransformerIsToldTheNextTimeStepToo() throws IOException {
    String name = "i2v_meanflow";
    GoldenRun run = GoldenRun.open(RUNS + name);
    Path model = TinyHunyuan.unpackWithPicture(scratch.resolve("meanflow"));
    TinyHunyuan.addMeanFlow(model, scratch.resolve("meanflow"));
    try (VideoPipeline pipeline =
        Pipelines.open(ModelFolder.open(model), Optional.empty(), false)) {
      check(
          run,
          pipeline,
          settings(run, name, new GuidanceSettings(6, false), TextMask.MASKED),
          Map.of());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aSparseRunEqualsTheRecordedOne(boolean batched) throws IOException {
    String name = "i2v_rot";
    GoldenRun run = GoldenRun.open(RUNS + name);
    JsonNode json = run.json().get("settings");
    Map<String, String> sparse =
        Map.of(
            "DIFFUSION_ATTENTION_BACKEND",
            "LVSA",
            "LVSA_ROTATE_KEYFRAMES",
            "1",
            "LVSA_WINDOW_SIZE",
            json.get("window").asText(),
            "LVSA_N_FIRST_FRAMES",
            json.get("first").asText(),
            "LVSA_REFERENCE_LATENT_FRAMES",
            json.get("ref").asText());
    GuidanceSettings guidance = new GuidanceSettings(6, batched);
    try (VideoPipeline pipeline = open()) {
      check(run, pipeline, settings(run, name, guidance, TextMask.PUBLISHED), sparse);
      // Without the padding both ways of guidance give the same.
      float[] masked =
          denoise(
              pipeline,
              settings(run, name, guidance, TextMask.MASKED),
              sparse,
              Optional.empty(),
              new HashMap<>());
      float[] other =
          denoise(
              pipeline,
              settings(run, name, guidance.inRuns(batched ? 2 : 1), TextMask.MASKED),
              sparse,
              Optional.empty(),
              new HashMap<>());
      assertArrayEquals(masked, other, 1e-4f);
    }
  }

  private static float[] denoise(
      VideoPipeline pipeline,
      GenerationSettings settings,
      Map<String, String> variables,
      Optional<ResumeFile.State> from,
      Map<Integer, ResumeFile.State> states) {
    return HunyuanRuns.denoise(pipeline, settings, variables, from, states, new ArrayList<>());
  }

  /** Up to the horizon of 33 latent frames sparse is dense bit for bit; interrupted runs go on. */
  @Test
  void upToTheHorizonSparseIsDenseAndRunsGoOn() throws IOException {
    String name = "i2v_guider";
    GoldenRun run = GoldenRun.open(RUNS + name);
    GuidanceSettings guidance =
        new GuidanceSettings(3, false).withGuider(new Guider(0.4, 0.3, 1, false));
    try (VideoPipeline pipeline = open()) {
      GenerationSettings settings = settings(run, name, guidance, TextMask.MASKED);
      Map<Integer, ResumeFile.State> states = new HashMap<>();
      float[] dense = denoise(pipeline, settings, Map.of(), Optional.empty(), states);
      Map<String, String> lvsa =
          Map.of("DIFFUSION_ATTENTION_BACKEND", "LVSA", "LVSA_ROTATE_KEYFRAMES", "1");
      assertArrayEquals(
          dense, denoise(pipeline, settings, lvsa, Optional.empty(), new HashMap<>()));
      for (int step = 0; step < 4; step++) {
        assertArrayEquals(
            dense,
            denoise(pipeline, settings, Map.of(), Optional.of(states.get(step)), new HashMap<>()),
            "after step " + step);
      }
    }
  }

  @Test
  void picturesThatDoNotFitTheModelAreRefused() throws IOException {
    GoldenRun run = GoldenRun.open(RUNS + "i2v");
    Optional<Picture> picture = Optional.of(picture(run, "image"));
    try (VideoPipeline pipeline = open();
        VideoPipeline text =
            Pipelines.open(
                ModelFolder.open(TinyHunyuan.unpack(scratch.resolve("text"))),
                Optional.empty(),
                false)) {
      refused(
          pipeline, Optional.empty(), Optional.empty(), "needs a picture that the video begins");
      refused(pipeline, picture, picture, "takes no picture to end with");
      refused(text, picture, Optional.empty(), "takes no picture: it makes videos of texts");
      assertEquals(
          "a picture to begin with is not supported by this pipeline (HunyuanVideo15Pipeline)",
          assertThrows(IllegalArgumentException.class, () -> Capability.IMAGE_INPUT.require(text))
              .getMessage());
    }
  }

  private static void refused(
      VideoPipeline pipeline, Optional<Picture> image, Optional<Picture> last, String message) {
    GenerationSettings settings =
        new GenerationSettings(
            new Prompts("a cat", ""),
            new VideoSize(new Resolution(48, 32), 5),
            2,
            new GuidanceSettings(6, false),
            OptionalDouble.empty(),
            new StartingLatents.Seed(1),
            new Inputs(image, last, Optional.empty(), TextMask.MASKED));
    String said =
        assertThrows(IllegalArgumentException.class, () -> pipeline.prepare(settings)).getMessage();
    assertTrue(said.contains(message), said);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "feature_extractor/preprocessor_config.json|\"height\": 45|\"height\": 44|size must be what the image encoder takes, 45x45, got 45x44",
        "transformer/config.json|\"image_embed_dim\": 20|\"image_embed_dim\": 21|shape",
        "image_encoder/config.json|\"hidden_size\": 20|\"hidden_size\": 22|shape",
        "model_index.json|\"SiglipVisionModel\"|\"CLIPVisionModel\"|SiglipVisionModel",
        "model_index.json|\"image_encoder\"|\"image_encoders\"|image_encoder"
      })
  void componentsOfAnotherModelAreNamed(String file, String from, String to, String message)
      throws IOException {
    Path model = TinyHunyuan.unpackWithPicture(scratch.resolve("other"));
    TestFiles.replace(model.resolve(file), from, to);
    String said =
        assertThrows(
                MalformedFileException.class,
                () -> Pipelines.open(ModelFolder.open(model), Optional.empty(), false).close())
            .getMessage();
    assertTrue(said.contains(message), said);
  }
}
