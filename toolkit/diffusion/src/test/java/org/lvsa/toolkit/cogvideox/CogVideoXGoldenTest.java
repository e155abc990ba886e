// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.BackendProcessor;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.attention.LvsaProcessor;
import org.lvsa.toolkit.attention.ProcessorAttention;
import org.lvsa.toolkit.attention.StepCounting;
import org.lvsa.toolkit.config.TestConfig;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.nd4j.linalg.api.ndarray.INDArray;

/** CogVideoX's transformers, value by value, against recorded runs of the published one. */
class CogVideoXGoldenTest {
  private static final double BEHIND_TIME = 1e-4;

  @TempDir private Path directory;

  /** Embeddings of the negative prompt and of the prompt: rows 0 and 1, as the runs have them. */
  private INDArray text(JsonNode settings) throws IOException {
    Path tokenizer =
        GoldenRun.file("cogvideox/model/tokenizer/tokenizer.json", directory).getParent();
    Path encoder = GoldenRun.component("cogvideox/model/text_encoder", directory);
    try (TextEncoder text = TextEncoder.open(tokenizer, ComponentFiles.in(encoder), 226, false)) {
      return text.encode(
          List.of(settings.get("negative_prompt").textValue(), settings.get("prompt").textValue()));
    }
  }

  static INDArray tensor(GoldenRun run, String name, int batch) {
    long[] shape = Arrays.stream(run.shape(name)).asLongStream().toArray();
    float[] one = run.floats(name);
    float[] all = new float[one.length * batch];
    for (int element = 0; element < batch; element++) {
      System.arraycopy(one, 0, all, element * one.length, one.length);
    }
    shape[0] *= batch;
    return NdMemory.copy(MemorySegment.ofArray(all), shape);
  }

  @ParameterizedTest
  @CsvSource({
    "ddim_cog5b,model/transformer",
    "ddim_cog2b,transformer_cog2b",
    "dpm_cog5b,model/transformer",
    "dpm_cog15,transformer_cog15"
  })
  void everyValueEqualsTheRecordedOne(String name, String component) throws IOException {
    GoldenRun run = GoldenRun.open("cogvideox/" + name);
    JsonNode settings = run.json().get("settings");
    float[] timesteps = run.floatsOrInts("scheduler.timesteps");
    Path folder = GoldenRun.component("cogvideox/" + component, directory);
    Map<String, Double> differences = new TreeMap<>();
    GenerationOptions options =
        GenerationOptions.of(TestConfig.of(Map.of("LVSA_BACKEND", "vector")));
    try (CogVideoXTransformer transformer =
            CogVideoXTransformer.open(ComponentFiles.in(folder), false);
        Generation generation = new Generation(options, LineLog.none());
        INDArray text = text(settings)) {
      ProcessorAttention attention =
          new ProcessorAttention(generation, new BackendProcessor("none"));
      for (int step = 0; step < timesteps.length; step++) {
        INDArray latents =
            tensor(run, step == 0 ? "latents_init" : "step" + (step - 1) + ".latents", 2);
        Observer observer = step == 0 ? inside(run, differences) : Observer.NONE;
        INDArray both = transformer.predict(latents, timesteps[step], text, attention, observer);
        String pred = "step" + step + ".pred_uncond_cond";
        differences.put(pred, run.checkAtLeast(pred, NdMemory.floats(both), BEHIND_TIME));
      }
    }
    Set<String> recorded =
        run.names().stream()
            .filter(tensor -> tensor.startsWith("s0.") && !tensor.contains(".in."))
            .collect(Collectors.toCollection(TreeSet::new));
    for (int step = 0; step < timesteps.length; step++) {
      recorded.add("step" + step + ".pred_uncond_cond");
    }
    assertEquals(recorded, differences.keySet(), "each recorded value is compared");
  }

  /** Compares what is recorded; of the text only the first rows of each batch element are. */
  private static Observer inside(GoldenRun run, Map<String, Double> differences) {
    return (name, value) -> {
      String full = "s0." + name;
      if (run.holds(full)) {
        double least = name.equals("patch_embed.video") ? 1e-6 : BEHIND_TIME;
        differences.put(full, run.checkAtLeast(full, NdMemory.floats(value.get()), least));
      } else if (run.holds(full + "_first_rows")) {
        INDArray all = value.get();
        long rows = run.shape(full + "_first_rows")[1];
        differences.put(
            full + "_first_rows",
            run.checkAtLeast(
                full + "_first_rows", NdMemory.floats(NdMemory.tokens(all, 0, rows)), BEHIND_TIME));
      }
    };
  }

  @Test
  void rotaryTablesEqualTheRecordedOnes() throws IOException {
    compareRotary("cogvideox/dpm_cog15", "transformer_cog15");
    compareRotary("lvsa_joint/cogvideox_rot", "model/transformer");
    compareRotary("cogvideox/ddim_cog5b", "model/transformer");
  }

  private void compareRotary(String name, String component) throws IOException {
    GoldenRun run = GoldenRun.open(name);
    Path folder = GoldenRun.component("cogvideox/" + component, directory);
    float[] cosines = run.floats("rope.cos");
    float[] sines = run.floats("rope.sin");
    try (CogVideoXTransformer transformer =
        CogVideoXTransformer.open(ComponentFiles.in(folder), false)) {
      int headDim = transformer.config().headDim();
      var grid = transformer.grid(tensor(run, "latents_init", 1));
      // Ones in the first elements of the pairs come out as cosines and sines.
      float[] ones = new float[cosines.length];
      for (int i = 0; i < ones.length; i += 2) {
        ones[i] = 1;
      }
      INDArray x = NdMemory.copy(MemorySegment.ofArray(ones), 1, grid.tokens(), 1, headDim);
      PositionTables.rotary(transformer.config(), grid, 1).rotate(x);
      float[] turned = NdMemory.floats(x);
      for (int i = 0; i < turned.length; i += 2) {
        assertEquals(cosines[i], turned[i], 2e-6f, name + " cosine " + i);
        assertEquals(sines[i], turned[i + 1], 2e-6f, name + " sine " + i);
      }
    }
  }

  @Test
  void promptsEqualTheRecordedOnes() throws IOException {
    GoldenRun run = GoldenRun.open("cogvideox/ddim_cog5b");
    INDArray text = text(run.json().get("settings"));
    int rows = Math.toIntExact(text.size(1));
    int width = Math.toIntExact(text.size(2));
    float[] both = NdMemory.floats(text);
    run.check("t5.negative.last_hidden_state", Arrays.copyOf(both, rows * width));
    run.check("t5.prompt.last_hidden_state", Arrays.copyOfRange(both, rows * width, both.length));
  }

  /** The run of the published example program with rotating keyframes. */
  @Test
  void lvsaEqualsTheRecordedRun() throws IOException {
    GoldenRun run = GoldenRun.open("lvsa_joint/cogvideox_rot");
    JsonNode settings = run.json().get("settings");
    Path folder = GoldenRun.component("cogvideox/model/transformer", directory);
    Map<String, Double> differences = new HashMap<>();
    GenerationOptions options =
        GenerationOptions.of(
                TestConfig.of(
                    Map.of("LVSA_BACKEND", "vector", "LVSA_STRICT", "1"),
                    "LVSA_WINDOW_SIZE",
                    settings.get("window").asText(),
                    "LVSA_N_FIRST_FRAMES",
                    settings.get("first").asText(),
                    "LVSA_AUTO_KEYFRAMES",
                    "1",
                    "LVSA_ROTATE_KEYFRAMES",
                    "1",
                    "LVSA_REFERENCE_LATENT_FRAMES",
                    settings.get("ref").asText()))
            .withLatentFrames(settings.at("/resolved/latent_frames").intValue())
            .withCounting(StepCounting.EXAMPLES);
    int steps = settings.get("steps").intValue();
    float[] timesteps = {999, 666, 332};
    try (CogVideoXTransformer transformer =
            CogVideoXTransformer.open(ComponentFiles.in(folder), false);
        Generation generation = new Generation(options, LineLog.none());
        INDArray text = text(settings)) {
      ProcessorAttention attention =
          new ProcessorAttention(generation, new LvsaProcessor("cogvideox"));
      run.check("s0.in.encoder_hidden_states", NdMemory.floats(text));
      for (int step = 0; step < steps; step++) {
        generation.steps().begin(step);
        INDArray latents =
            tensor(run, step == 0 ? "latents_init" : "step" + (step - 1) + ".latents", 2);
        Observer observer = step == 0 ? inside(run, differences) : Observer.NONE;
        INDArray both = transformer.predict(latents, timesteps[step], text, attention, observer);
        run.checkAtLeast("step" + step + ".pred_uncond_cond", NdMemory.floats(both), BEHIND_TIME);
      }
    }
    assertEquals(
        Set.of("s0.b0.lvsa.q", "s0.b0.lvsa.k", "s0.b0.lvsa.v", "s0.b0.lvsa.out"),
        differences.keySet());
  }
}
