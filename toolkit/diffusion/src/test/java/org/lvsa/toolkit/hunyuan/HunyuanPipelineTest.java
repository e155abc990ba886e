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
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.DecodedFrames;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GenerationSettings.Inputs;
import org.lvsa.toolkit.pipeline.GenerationSettings.Prompts;
import org.lvsa.toolkit.pipeline.GenerationSettings.TextMask;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.RandomSizes;
import org.lvsa.toolkit.pipeline.ResumeFile;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;

/** Whole runs of the tiny HunyuanVideo 1.5 model against recorded ones, and what is refused. */
class HunyuanPipelineTest {
  private static final Map<String, String> SPARSE =
      Map.of(
          "DIFFUSION_ATTENTION_BACKEND", "LVSA",
          "LVSA_ROTATE_KEYFRAMES", "1",
          "LVSA_WINDOW_SIZE", "8",
          "LVSA_REFERENCE_LATENT_FRAMES", "9");

  @TempDir private static Path directory;
  private static Path folder;

  @BeforeAll
  static void unpack() throws IOException {
    folder = TinyHunyuan.unpack(directory);
  }

  private static VideoPipeline open() {
    return Pipelines.open(ModelFolder.open(folder), Optional.empty(), false);
  }

  private static GenerationSettings settings(
      Prompts prompts, VideoSize size, double guidance, StartingLatents start, TextMask mask) {
    return new GenerationSettings(
        prompts,
        size,
        3,
        new GuidanceSettings(guidance, false),
        OptionalDouble.empty(),
        start,
        new Inputs(Optional.empty(), Optional.empty(), Optional.empty(), mask));
  }

  private static Prompts prompts(JsonNode json) {
    return new Prompts(json.get("prompt").textValue(), json.get("negative_prompt").textValue());
  }

  @Test
  void aDenseRunEqualsTheRecordedOne(@TempDir Path scratch) throws IOException {
    String name = "hunyuan15/t2v";
    GoldenRun run = GoldenRun.open(name);
    JsonNode json = run.json().get("settings");
    Path start = GoldenRun.file(name + ".safetensors", scratch);
    VideoSize size =
        new VideoSize(
            new Resolution(json.get("width").intValue(), json.get("height").intValue()),
            json.get("num_frames").intValue());
    try (VideoPipeline pipeline = open()) {
      double scale = pipeline.defaults().guidanceScale();
      assertEquals(json.get("guidance_scale").doubleValue(), scale);
      // Dense attention masks the padding whatever is asked for, as the published code does.
      GenerationSettings settings =
          settings(
              prompts(json), size, scale, new StartingLatents.Given(start), TextMask.PUBLISHED);
      float[] latents = HunyuanRuns.check(run, pipeline, settings, Map.of(), new ArrayList<>());
      List<byte[]> frames = DecodedFrames.of(pipeline, size, latents);
      run.checkFrames("frames_uint8_round", frames);
    }
  }

  @Test
  void aSparseRunEqualsTheRecordedOne(@TempDir Path scratch) throws IOException {
    String name = "lvsa_joint/hunyuan15_rot";
    GoldenRun run = GoldenRun.open(name);
    JsonNode json = run.json().get("settings");
    StartingLatents start =
        new StartingLatents.Given(GoldenRun.file(name + ".safetensors", scratch));
    VideoSize size =
        new VideoSize(
            new Resolution(json.get("w").intValue(), json.get("h").intValue()),
            json.get("frames").intValue());
    List<String> lines = new ArrayList<>();
    try (VideoPipeline pipeline = open()) {
      double scale = pipeline.defaults().guidanceScale();
      GenerationSettings published =
          settings(prompts(json), size, scale, start, TextMask.PUBLISHED);
      float[] latents = HunyuanRuns.check(run, pipeline, published, SPARSE, lines);
      assertTrue(lines.stream().anyMatch(line -> line.contains("padding attends")), "" + lines);

      GenerationSettings masked = settings(prompts(json), size, scale, start, TextMask.MASKED);
      lines.clear();
      float[] ours =
          HunyuanRuns.denoise(pipeline, masked, SPARSE, Optional.empty(), new HashMap<>(), lines);
      assertTrue(lines.stream().anyMatch(line -> line.contains("left out")), "" + lines);
      double difference = 0;
      for (int i = 0; i < ours.length; i++) {
        difference = Math.max(difference, Math.abs(ours[i] - latents[i]));
      }
      assertTrue(difference > 1e-2, "the padding of texts changes little: " + difference);
    }
  }

  private static GenerationSettings seeded(long seed, int frames, double guidance) {
    return settings(
        new Prompts("Horses gallop past \"WEST\"", ""),
        new VideoSize(new Resolution(48, 32), frames),
        guidance,
        new StartingLatents.Seed(seed),
        TextMask.MASKED);
  }

  @Test
  void upToTheHorizonSparseIsDenseBitForBitAndRunsGoOn() {
    long seed = System.nanoTime();
    try (VideoPipeline pipeline = open()) {
      GenerationSettings settings = seeded(seed, 33, 1);
      Map<Integer, ResumeFile.State> states = new HashMap<>();
      float[] dense =
          HunyuanRuns.denoise(
              pipeline, settings, Map.of(), Optional.empty(), states, new ArrayList<>());
      assertArrayEquals(
          dense,
          HunyuanRuns.denoise(
              pipeline, settings, SPARSE, Optional.empty(), new HashMap<>(), new ArrayList<>()),
          "seed " + seed);
      for (int step = 0; step < 2; step++) {
        assertArrayEquals(
            dense,
            HunyuanRuns.denoise(
                pipeline,
                settings,
                Map.of(),
                Optional.of(states.get(step)),
                new HashMap<>(),
                new ArrayList<>()),
            "after step " + step + ", seed " + seed);
      }
    }
  }

  @Test
  void defaultSizesAreTheRecordedOnes() throws IOException {
    for (JsonNode row : GoldenRun.open("hunyuan15/t2v").json().get("default_sizes_height_width")) {
      Resolution size =
          SizeBuckets.nearest(
              row.get("aspect_hw").get(0).intValue(),
              row.get("aspect_hw").get(1).intValue(),
              row.get("target").intValue(),
              16);
      assertEquals(row.get("result").get(0).intValue(), size.height(), row.toString());
      assertEquals(row.get("result").get(1).intValue(), size.width(), row.toString());
    }
    assertEquals(new Resolution(1280, 320), SizeBuckets.nearest(1, 9, 640, 16), "at most 4 to 1");
    try (VideoPipeline pipeline = open()) {
      assertEquals(new Resolution(848, 480), pipeline.defaults().resolution());
    }
  }

  @Test
  void componentsOfAnotherModelAreNamed(@TempDir Path scratch) throws IOException {
    Path transformer = folder.resolve("transformer/config.json");
    Path guider = folder.resolve("guider/guider_config.json");
    refused(scratch, transformer, "[\n    4,\n    6,\n    6\n  ]", "[4, 6, 8]", "rope_axes_dim");
    refused(scratch, transformer, "\"in_channels\": 9", "\"in_channels\": 8", "in_channels");
    refused(scratch, transformer, "\"text_embed_dim\": 32", "\"text_embed_dim\": 33", "shape");
    refused(scratch, guider, "\"guidance_rescale\": 0.0", "\"guidance_rescale\": 1.7", "rescale");
    refused(scratch, guider, "\"stop\": 1.0", "\"stop\": 1.5", "stop must be from the start");
    refused(scratch, guider, "ClassifierFreeGuidance", "AutoGuidance", "ClassifierFreeGuidance");
  }

  /** Opens the model with a changed file in one component. */
  private static void refused(Path scratch, Path file, String from, String to, String expected)
      throws IOException {
    Path component = Files.createDirectories(scratch.resolve("changed"));
    for (Path other : Files.list(file.getParent()).toList()) {
      Files.copy(
          other, component.resolve(other.getFileName()), StandardCopyOption.REPLACE_EXISTING);
    }
    String text = Files.readString(file);
    assertTrue(text.contains(from), from);
    Files.writeString(component.resolve(file.getFileName()), text.replace(from, to));
    Map<String, Path> replaced = Map.of(file.getParent().getFileName().toString(), component);
    String message =
        assertThrows(
                MalformedFileException.class,
                () -> Pipelines.open(ModelFolder.open(folder, replaced), Optional.empty(), false))
            .getMessage();
    assertTrue(message.contains(expected), message);
  }

  @Test
  void randomWeightsMakeAVideo() {
    RandomSizes sizes =
        new RandomSizes(RandomHunyuan.NAME, RandomSizes.Scale.SMALL, OptionalInt.of(1));
    try (VideoPipeline pipeline = Pipelines.random(sizes)) {
      GenerationSettings settings = seeded(3, 5, 6);
      float[] latents =
          HunyuanRuns.denoise(
              pipeline, settings, Map.of(), Optional.empty(), new HashMap<>(), new ArrayList<>());
      int[] frames = {0};
      pipeline.decode(
          settings.size(),
          latents,
          Optional.empty(),
          (first, volume) -> frames[0] += volume.frames());
      assertEquals(5, frames[0]);
      assertTrue(pipeline.toString().contains("1 blocks of 2 heads of 128"), pipeline.toString());
    }
  }
}
