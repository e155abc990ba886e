// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.LvsaProcessor;
import org.lvsa.toolkit.attention.ProcessorAttention;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.text.PromptEncoder;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The transformer with LVSA against recorded runs of the published example program. */
class WanLvsaGoldenTest {
  private static final double BEHIND_TIME = 1e-4;

  @ParameterizedTest
  @ValueSource(strings = {"rot", "static_kfi", "autoscaled", "window0"})
  void predictionsOfAllStepsEqualTheRecordedOnes(String name, @TempDir Path directory)
      throws IOException {
    GoldenRun run = GoldenRun.open("wan_lvsa/" + name);
    assumeTrue(
        run.holds("scheduler.timesteps"),
        "the checkout has latents of wan_lvsa/" + name + ", and the whole run is not beside it");
    JsonNode settings = run.json().get("settings");
    Map<String, Double> differences = new TreeMap<>();
    Path tokenizer = GoldenRun.file("wan/model/tokenizer/tokenizer.json", directory).getParent();
    Path text = GoldenRun.component("wan/model/text_encoder", directory);
    Path folder = GoldenRun.component("wan/model/transformer", directory);
    GenerationOptions options =
        GenerationOptions.of(config(settings))
            .withLatentFrames(settings.get("latent_frames").intValue())
            .withCounting(StepCounting.EXAMPLES);
    try (PromptEncoder encoder = PromptEncoder.open(tokenizer, ComponentFiles.in(text), false);
        WanTransformer transformer = WanTransformer.open(ComponentFiles.in(folder), false);
        Generation generation = new Generation(options, LineLog.none())) {
      INDArray prompt = encoder.encode(List.of(settings.get("prompt").textValue()));
      INDArray negative = encoder.encode(List.of(settings.get("negative_prompt").textValue()));
      VideoSelfAttention attention =
          new ProcessorAttention(generation, new LvsaProcessor("wan_hook"));
      float[] timesteps = run.floatsOrInts("scheduler.timesteps");
      for (int step = 0; step < timesteps.length; step++) {
        generation.steps().begin(step);
        INDArray latents =
            WanGoldenTest.tensor(
                run, step == 0 ? "latents_init" : "step" + (step - 1) + ".latents");
        Observer first = step == 0 ? firstBlock(run, differences) : Observer.NONE;
        String prefix = "step" + step + ".";
        compare(
            run,
            prefix + "cond.pred",
            transformer.predict(latents, timesteps[step], prompt, attention, first),
            differences);
        compare(
            run,
            prefix + "uncond.pred",
            transformer.predict(latents, timesteps[step], negative, attention),
            differences);
      }
      assertEquals(2 * timesteps.length + 4, differences.size());
    }
  }

  private static Observer firstBlock(GoldenRun run, Map<String, Double> differences) {
    Map<String, String> names =
        Map.of("b0.attn1.q", "q", "b0.attn1.k", "k", "b0.attn1.v", "v", "b0.attn1.o", "out");
    return (name, value) -> {
      if (names.containsKey(name)) {
        compare(run, "s0.cond.b0.lvsa." + names.get(name), value.get(), differences);
      }
    };
  }

  private static void compare(
      GoldenRun run, String name, INDArray value, Map<String, Double> differences) {
    differences.put(name, run.checkAtLeast(name, NdMemory.floats(value), BEHIND_TIME));
  }

  private static LvsaConfig config(JsonNode settings) {
    return TestConfig.of(
        Map.of("LVSA_BACKEND", "vector", "LVSA_STRICT", "1"),
        "LVSA_WINDOW_SIZE",
        settings.get("window").asText(),
        "LVSA_N_FIRST_FRAMES",
        settings.get("first").asText(),
        "LVSA_KEY_FRAME_INTERVAL",
        settings.get("interval").asText(),
        "LVSA_AUTO_KEYFRAMES",
        settings.get("auto").booleanValue() || settings.get("rotate").booleanValue() ? "1" : "0",
        "LVSA_ROTATE_KEYFRAMES",
        settings.get("rotate").booleanValue() ? "1" : "0",
        "LVSA_REFERENCE_LATENT_FRAMES",
        settings.get("ref").asText(),
        "LVSA_SPARSITY_SCALE",
        settings.get("scale").asText());
  }

  @Test
  void withinTheReferenceLengthLvsaIsDenseBitForBit(@TempDir Path directory) throws IOException {
    GoldenRun run = GoldenRun.open("wan/unipc");
    Path folder = GoldenRun.component("wan/model/transformer", directory);
    INDArray latents = WanGoldenTest.tensor(run, "latents_init");
    INDArray text = WanGoldenTest.embeddings(run, "prompt_embeds");
    GenerationOptions options =
        GenerationOptions.of(
                TestConfig.of(
                    Map.of("LVSA_BACKEND", "vector", "LVSA_STRICT", "1"),
                    "LVSA_AUTO_KEYFRAMES",
                    "1",
                    "LVSA_REFERENCE_LATENT_FRAMES",
                    "5"))
            .withLatentFrames(5);
    try (WanTransformer transformer = WanTransformer.open(ComponentFiles.in(folder), false);
        DenseAttention dense = new DenseAttention();
        Generation generation = new Generation(options, LineLog.none())) {
      assertArrayEquals(
          NdMemory.floats(transformer.predict(latents, 999, text, dense)),
          NdMemory.floats(
              transformer.predict(
                  latents,
                  999,
                  text,
                  new ProcessorAttention(generation, new LvsaProcessor("wan_hook")))));
      assertEquals(1, generation.density());
    }
  }
}
