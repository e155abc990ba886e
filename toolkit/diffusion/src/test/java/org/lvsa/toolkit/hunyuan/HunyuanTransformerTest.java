// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.BackendProcessor;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.LvsaProcessor;
import org.lvsa.toolkit.attention.ProcessorAttention;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The transformer of HunyuanVideo 1.5 against recorded runs, dense and with LVSA. */
class HunyuanTransformerTest {
  private static final double BEHIND_TIME = 1e-4;

  @TempDir private static Path directory;
  private static Path model;

  @BeforeAll
  static void unpack() throws IOException {
    model = TinyHunyuan.unpack(directory);
  }

  private static HunyuanTransformer open() {
    return HunyuanTransformer.open(ComponentFiles.in(model.resolve("transformer")), false);
  }

  private static INDArray tensor(GoldenRun run, String name) {
    long[] shape = Arrays.stream(run.shape(name)).asLongStream().toArray();
    return NdMemory.copy(MemorySegment.ofArray(run.floats(name)), shape);
  }

  private static TextEmbeddings text(GoldenRun run, String branch) {
    String glyphs = branch + ".in.encoder_hidden_states_2_valid";
    return new TextEmbeddings(
        tensor(run, branch + ".in.encoder_hidden_states_valid"),
        run.holds(glyphs) ? Optional.of(tensor(run, glyphs)) : Optional.empty());
  }

  private static LvsaConfig config(String... more) {
    return TestConfig.of(Map.of("LVSA_BACKEND", "vector", "LVSA_STRICT", "1"), more);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cond", "uncond"})
  void everyStageEqualsTheRecordedOne(String branch) throws IOException {
    GoldenRun run = GoldenRun.open("hunyuan15/t2v");
    String prefix = "s0." + branch + ".";
    run.assumeHas(prefix + "in.encoder_hidden_states_valid");
    Map<String, Double> differences = new TreeMap<>();
    Observer observer =
        (name, value) -> {
          if (run.holds(prefix + name)) {
            float[] floats = NdMemory.floats(value.get());
            if (name.equals("tokens.encoder_in")) {
              // The recorded one has the first two tokens of padding too.
              floats = Arrays.copyOf(run.floats(prefix + name), run.floats(prefix + name).length);
              float[] ours = NdMemory.floats(value.get());
              System.arraycopy(ours, 0, floats, 0, ours.length);
            }
            differences.put(name, run.checkAtLeast(prefix + name, floats, BEHIND_TIME));
          }
        };
    try (HunyuanTransformer transformer = open();
        Generation generation = new Generation(GenerationOptions.of(config()), LineLog.none());
        TextEmbeddings text = text(run, "s0." + branch)) {
      float[] timestep = run.floats(prefix + "in.timestep");
      INDArray prediction =
          transformer.predict(
              new Sample(tensor(run, "latents_init"), timestep[0]),
              new Conditions(text, false),
              new ProcessorAttention(generation, new BackendProcessor("none")),
              observer);
      String name = "step0." + branch + ".pred";
      differences.put(name, run.checkAtLeast(name, NdMemory.floats(prediction), BEHIND_TIME));
    }
    assertTrue(differences.size() >= 25, "compared " + differences.keySet());
    System.out.println("rms-relative differences, transformer: " + differences);
  }

  /** Each step's predictions from the latents that were recorded before it. */
  @Test
  void everyStepsPredictionsEqualTheRecordedOnes() throws IOException {
    GoldenRun run = GoldenRun.open("hunyuan15/t2v");
    run.assumeHas("step2.uncond.pred");
    Map<String, Double> differences = new TreeMap<>();
    try (HunyuanTransformer transformer = open();
        Generation generation = new Generation(GenerationOptions.of(config()), LineLog.none())) {
      ProcessorAttention attention =
          new ProcessorAttention(generation, new BackendProcessor("none"));
      float[] timesteps = run.floats("scheduler.timesteps");
      for (int step = 0; step < timesteps.length; step++) {
        INDArray latents =
            tensor(run, step == 0 ? "latents_init" : "step" + (step - 1) + ".latents");
        for (String branch : new String[] {"cond", "uncond"}) {
          try (TextEmbeddings text = text(run, "s0." + branch)) {
            compare(
                run,
                "step" + step + "." + branch + ".pred",
                transformer.predict(
                    new Sample(latents, timesteps[step]), new Conditions(text, false), attention),
                differences);
          }
        }
      }
    }
    assertEquals(6, differences.size());
  }

  private static LvsaConfig lvsa(JsonNode settings) {
    return config(
        "LVSA_WINDOW_SIZE",
        settings.get("window").asText(),
        "LVSA_N_FIRST_FRAMES",
        settings.get("first").asText(),
        "LVSA_KEY_FRAME_INTERVAL",
        settings.get("interval").asText(),
        "LVSA_AUTO_KEYFRAMES",
        "1",
        "LVSA_ROTATE_KEYFRAMES",
        settings.get("rotate").booleanValue() ? "1" : "0",
        "LVSA_REFERENCE_LATENT_FRAMES",
        settings.get("ref").asText());
  }

  @Test
  void sparsePredictionsEqualTheRecordedOnes() throws IOException {
    GoldenRun run = GoldenRun.open("lvsa_joint/hunyuan15_rot");
    JsonNode settings = run.json().get("settings");
    Map<String, Double> differences = new TreeMap<>();
    GenerationOptions options =
        GenerationOptions.of(lvsa(settings))
            .withLatentFrames(settings.get("resolved").get("latent_frames").intValue())
            .withCounting(StepCounting.EXAMPLES);
    try (HunyuanTransformer transformer = open();
        TextEncoders encoders = TinyHunyuan.encoders(model);
        TextEmbeddings prompt = encoders.encode(settings.get("prompt").textValue());
        TextEmbeddings negative = encoders.encode(settings.get("negative_prompt").textValue());
        Generation generation = new Generation(options, LineLog.none())) {
      assertEquals(
          settings.get("valid_text_tokens").intValue(),
          TextTokens.count(prompt, Optional.empty(), false));
      assertEquals(
          settings.get("text_tokens_total").intValue(),
          TextTokens.count(prompt, Optional.empty(), true));
      ProcessorAttention attention =
          new ProcessorAttention(generation, new LvsaProcessor("hunyuan"));
      float[] sigmas = {1, 10 / 11f, 5 / 7f};
      for (int step = 0; step < settings.get("steps").intValue(); step++) {
        generation.steps().begin(step);
        INDArray latents =
            tensor(run, step == 0 ? "latents_init" : "step" + (step - 1) + ".latents");
        Observer observer = step == 0 ? padding(run, differences) : Observer.NONE;
        Sample sample = new Sample(latents, sigmas[step] * 1000);
        String prefix = "step" + step + ".";
        compare(
            run,
            prefix + "cond.pred",
            transformer.predict(sample, new Conditions(prompt, true), attention, observer),
            differences);
        compare(
            run,
            prefix + "uncond.pred",
            transformer.predict(sample, new Conditions(negative, true), attention),
            differences);
      }
    }
    assertEquals(6 + 11, differences.size(), "compared " + differences.keySet());
    System.out.println("rms-relative differences, transformer with LVSA: " + differences);
  }

  private static void compare(
      GoldenRun run, String name, INDArray value, Map<String, Double> differences) {
    differences.put(name, run.checkAtLeast(name, NdMemory.floats(value), BEHIND_TIME));
  }

  /** The first block, with the padding at both ends. */
  private static Observer padding(GoldenRun run, Map<String, Double> differences) {
    Map<String, String> names = new HashMap<>();
    for (String name : new String[] {"q", "k", "v", "o"}) {
      names.put("b0.sdpa." + name, "b0.lvsa." + (name.equals("o") ? "out" : name));
    }
    names.put("tokens.encoder_in", "b0.encoder_in");
    names.put("b0.out_context", "b0.out_context");
    names.put("b0.out", "b0.out");
    return (name, value) -> {
      if (!names.containsKey(name)) {
        return;
      }
      String recorded = "s0.cond." + names.get(name);
      float[] all = NdMemory.floats(value.get());
      if (run.holds(recorded)) {
        // Of attention, the video's tokens alone were recorded.
        float[] first = Arrays.copyOf(all, run.floats(recorded).length);
        differences.put(recorded, run.checkAtLeast(recorded, first, BEHIND_TIME));
        return;
      }
      int valid = run.floats(recorded + "_valid").length;
      int four = run.floats(recorded + "_padding_first4").length;
      float[][] parts = {
        Arrays.copyOf(all, valid),
        Arrays.copyOfRange(all, valid, valid + four),
        Arrays.copyOfRange(all, all.length - four, all.length)
      };
      String[] ends = {"_valid", "_padding_first4", "_padding_last4"};
      for (int i = 0; i < ends.length; i++) {
        String end = recorded + ends[i];
        differences.put(end, run.checkAtLeast(end, parts[i], BEHIND_TIME));
      }
    };
  }

  /** Without padding, LVSA up to the training horizon is dense attention, bit for bit. */
  @Test
  void upToTheHorizonSparseIsDenseBitForBit() throws IOException {
    GoldenRun run = GoldenRun.open("hunyuan15/t2v");
    GenerationOptions sparse =
        GenerationOptions.of(
                config("LVSA_AUTO_KEYFRAMES", "1", "LVSA_REFERENCE_LATENT_FRAMES", "3"))
            .withLatentFrames(3);
    INDArray latents = tensor(run, "latents_init");
    try (HunyuanTransformer transformer = open();
        TextEmbeddings text = text(run, "s0.cond");
        Generation dense = new Generation(GenerationOptions.of(config()), LineLog.none());
        Generation lvsa = new Generation(sparse, LineLog.none())) {
      assertArrayEquals(
          NdMemory.floats(
              transformer.predict(
                  new Sample(latents, 900),
                  new Conditions(text, false),
                  new ProcessorAttention(dense, new BackendProcessor("none")))),
          NdMemory.floats(
              transformer.predict(
                  new Sample(latents, 900),
                  new Conditions(text, false),
                  new ProcessorAttention(lvsa, new LvsaProcessor("hunyuan")))));
      assertEquals(1, lvsa.density());
    }
  }
}
