// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.pipeline.Denoising;
import org.lvsa.toolkit.pipeline.GenerationAttention;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.GuidanceSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.Pipelines;
import org.lvsa.toolkit.pipeline.StartingLatents;
import org.lvsa.toolkit.pipeline.VideoPipeline;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.schedulers.Noise;
import org.lvsa.toolkit.tensor.Safetensors;
import org.lvsa.toolkit.tensor.Safetensors.FloatTensor;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;

/** docs/adding-a-model.md: what it shows is real, and what it says works. */
class AddingAModelTest {
  @TempDir private static Path directory;
  private static Path folder;

  private static List<String> blocks(String language) throws IOException {
    String text = Files.readString(Path.of("../../docs/adding-a-model.md"));
    Matcher matcher =
        Pattern.compile("```" + language + "\n(.*?)```", Pattern.DOTALL).matcher(text);
    List<String> blocks = new ArrayList<>();
    while (matcher.find()) {
      blocks.add(matcher.group(1));
    }
    return blocks;
  }

  /**
   * A folder of the guide's JSON, the tiny Wan model's text encoder and VAE, and random weights.
   */
  @BeforeAll
  static void build() throws IOException {
    folder = GoldenRun.wanModel(directory);
    List<String> json = blocks("json");
    Files.writeString(folder.resolve("model_index.json"), json.getFirst());
    Files.writeString(
        folder.resolve("scheduler/scheduler_config.json"),
        "{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"shift\": 3.0}");
    Path transformer = folder.resolve("transformer");
    try (Stream<Path> files = Files.list(transformer)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    int channels = ComponentConfig.read(folder.resolve("vae")).size("z_dim");
    int text = ComponentConfig.read(folder.resolve("text_encoder")).size("d_model");
    Files.writeString(
        transformer.resolve("config.json"),
        json.get(1)
            .replaceAll("\"in_channels\": \\d+", "\"in_channels\": " + channels)
            .replaceAll("\"text_embed_dim\": \\d+", "\"text_embed_dim\": " + text));
    write(transformer, Map.of());
  }

  /** Random weights of the names and shapes that the configuration gives, but for some. */
  private static void write(Path transformer, Map<String, List<Long>> others) throws IOException {
    Map<String, FloatTensor> tensors = new TreeMap<>();
    RippleConfig config = RippleConfig.of(ComponentConfig.read(transformer));
    config
        .tensors()
        .asMap()
        .forEach(
            (name, own) -> {
              List<Long> shape = others.getOrDefault(name, own);
              int elements = Math.toIntExact(shape.stream().reduce(1L, (a, b) -> a * b));
              float[] values = Noise.normal(name.hashCode(), elements);
              float size = (float) (1 / Math.sqrt(shape.getLast()));
              MemorySegment memory = Arena.ofAuto().allocate((long) elements * Float.BYTES, 4);
              for (int e = 0; e < elements; e++) {
                memory.setAtIndex(ValueLayout.JAVA_FLOAT, e, values[e] * size);
              }
              tensors.put(name, new FloatTensor(shape, memory));
            });
    Safetensors.write(
        transformer.resolve("diffusion_pytorch_model.safetensors"), tensors, Map.of());
  }

  private static VideoPipeline open() {
    return Pipelines.open(ModelFolder.open(folder), Optional.empty(), false);
  }

  private static GenerationSettings settings(int frames) {
    return new GenerationSettings(
        new GenerationSettings.Prompts("rings on a pond", "rain"),
        new VideoSize(new Resolution(32, 32), frames),
        3,
        new GuidanceSettings(3, false),
        OptionalDouble.empty(),
        new StartingLatents.Seed(4));
  }

  private static GenerationAttention attention(
      VideoPipeline pipeline, GenerationSettings settings, String backend, RankView view) {
    Map<String, String> variables = new HashMap<>();
    variables.put("LVSA_BACKEND", "vector");
    variables.put("LVSA_STRICT", "1");
    variables.put("LVSA_AUTO_KEYFRAMES", "1");
    variables.put("DIFFUSION_ATTENTION_BACKEND", backend);
    pipeline
        .attentionDefaults(settings)
        .forEach((setting, value) -> variables.put(setting.name(), value));
    return new GenerationAttention(
        new GenerationAttention.Settings(
            TestConfig.of(variables),
            StepCounting.EXAMPLES,
            KernelOptions.DEFAULT,
            Optional.empty()),
        pipeline.attended(settings.size()),
        LineLog.none(),
        view);
  }

  private static float[] run(
      VideoPipeline pipeline, Denoising denoising, GenerationSettings settings, String backend) {
    try (GenerationAttention attention = attention(pipeline, settings, backend, RankView.alone())) {
      return denoising.run(attention, Optional.empty(), (step, latents, history) -> {});
    }
  }

  @Tag("core")
  @Test
  void theGuidesCodeIsThatOfTheExample() throws IOException {
    StringBuilder sources = new StringBuilder();
    try (Stream<Path> files = Files.list(Path.of("src/test/java/org/lvsa/toolkit/example"))) {
      for (Path file : files.toList()) {
        sources.append(Files.readString(file));
      }
    }
    List<String> shown = blocks("java");
    assertTrue(shown.size() >= 7, "blocks: " + shown.size());
    for (String block : shown) {
      assertTrue(sources.indexOf(block) >= 0, block);
    }
  }

  @Tag("core")
  @Test
  void itsFolderIsOpenedByItsClassName() {
    try (VideoPipeline pipeline = open()) {
      assertEquals("RipplePipeline", pipeline.className());
      assertEquals(2, pipeline.geometry().get("layers"));
      assertTrue(Pipelines.classes().contains("RipplePipeline"));
    }
  }

  /** Own keys may be anything, lists too, but for two texts, which are a component. */
  @Tag("core")
  @Test
  void anIndexWithoutComponentsIsEnough(@TempDir Path bundle) throws IOException {
    String index =
        """
        {"_class_name": "RippleBundlePipeline", "bundle_version": 2, "parts": "%s",
         "trained_on": ["waves", "rain", "wind"], "sizes": {"small": [64, 48]}}
        """;
    Path file = bundle.resolve("model_index.json");
    Files.writeString(file, index.formatted(bundle.relativize(folder)));
    try (VideoPipeline pipeline =
        Pipelines.open(ModelFolder.open(bundle), Optional.empty(), false)) {
      assertEquals(2, pipeline.geometry().get("layers"));
    }
    Files.writeString(file, index.replace("2,", "3,").formatted(bundle.relativize(folder)));
    ModelFolder newer = ModelFolder.open(bundle);
    MalformedFileException refused =
        assertThrows(
            MalformedFileException.class, () -> Pipelines.open(newer, Optional.empty(), false));
    assertTrue(
        refused.getMessage().contains("bundle_version 3 is not supported, supported: 2"),
        refused.getMessage());
  }

  @Tag("core")
  @Test
  void weightsOfAnotherShapeAreNamed(@TempDir Path other) throws IOException {
    Files.copy(folder.resolve("transformer/config.json"), other.resolve("config.json"));
    write(other, Map.of("blocks.1.attn.to_k.bias", List.of(7L)));
    MalformedFileException refused =
        assertThrows(
            MalformedFileException.class,
            () -> RippleTransformer.open(ComponentFiles.in(other), false));
    assertTrue(refused.getMessage().contains("blocks.1.attn.to_k.bias"), refused.getMessage());
  }

  @Tag("advanced")
  @Test
  void sparseIsDenseWithinTheHorizonAndNotBeyond() {
    try (VideoPipeline pipeline = open()) {
      GenerationSettings within = settings(17);
      GenerationSettings beyond = settings(81);
      try (Denoising five = pipeline.prepare(within);
          Denoising twentyOne = pipeline.prepare(beyond)) {
        assertArrayEquals(run(pipeline, five, within, "SDPA"), run(pipeline, five, within, "LVSA"));
        float[] dense = run(pipeline, twentyOne, beyond, "SDPA");
        float[] sparse = run(pipeline, twentyOne, beyond, "LVSA");
        double difference = difference(dense, sparse);
        assertTrue(difference > 1e-6 && difference < 1, "difference " + difference);
      }
    }
  }

  @Tag("advanced")
  @Test
  void twoRanksGiveWhatOneGives() throws Exception {
    GenerationSettings settings = settings(81);
    try (VideoPipeline pipeline = open();
        Denoising denoising = pipeline.prepare(settings)) {
      float[] one = run(pipeline, denoising, settings, "LVSA");
      List<float[]> two =
          InProcess.run(
              2,
              ranks -> {
                RankView view = RankView.of(ranks, Scheme.ULYSSES);
                try (GenerationAttention attention = attention(pipeline, settings, "LVSA", view)) {
                  return denoising
                      .forRank(view.place())
                      .run(attention, Optional.empty(), (step, latents, history) -> {});
                }
              });
      assertTrue(difference(one, two.getFirst()) < 1e-5);
      assertArrayEquals(two.getFirst(), two.getLast());
    }
  }

  @Tag("advanced")
  @Test
  void framesComeOut() {
    GenerationSettings settings = settings(17);
    try (VideoPipeline pipeline = open();
        Denoising denoising = pipeline.prepare(settings)) {
      float[] latents = run(pipeline, denoising, settings, "SDPA");
      int[] frames = {0};
      pipeline.decode(
          settings.size(),
          latents,
          Optional.empty(),
          (first, volume) -> frames[0] += volume.frames());
      assertEquals(17, frames[0]);
    }
  }

  private static double difference(float[] expected, float[] actual) {
    double squares = 0;
    double size = 0;
    for (int e = 0; e < expected.length; e++) {
      squares += Math.pow(actual[e] - expected[e], 2);
      size += Math.pow(expected[e], 2);
    }
    return Math.sqrt(squares / size);
  }
}
