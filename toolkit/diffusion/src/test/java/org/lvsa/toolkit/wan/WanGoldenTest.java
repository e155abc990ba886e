// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.RotaryTable;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.pipeline.Guidance;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.text.PromptEncoder;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The whole transformer against every value that the published one recorded on its way. */
class WanGoldenTest {
  /** What lies behind the time embedding, which float32 itself leaves uncertain. */
  private static final double BEHIND_TIME = 1e-4;

  private static final double SINUSOID = 1e-4;

  /** Rows that were recorded of the text's 512: the rest repeat the last one. */
  private static final Set<String> FIRST_ROWS =
      Set.of("text_embed", "attn2.k", "attn2.v", "attn2_text.k", "attn2_text.v");

  @ParameterizedTest
  @ValueSource(strings = {"cond", "uncond"})
  void everyValueOfTheFirstStepEqualsTheRecordedOne(String branch, @TempDir Path directory)
      throws IOException {
    GoldenRun run = GoldenRun.open("wan/unipc");
    Map<String, Double> differences = new TreeMap<>();
    Path folder = GoldenRun.component("wan/model/transformer", directory);
    try (WanTransformer transformer = WanTransformer.open(ComponentFiles.in(folder), false);
        DenseAttention attention = new DenseAttention()) {
      String prefix = "s0." + branch + ".";
      Observer observer =
          (name, value) -> {
            if (run.names().contains(prefix + name)) {
              differences.put(name, compare(run, prefix + name, value.get()));
            }
          };
      INDArray prediction =
          transformer.predict(
              tensor(run, prefix + "in.hidden_states"),
              run.floatsOrInts(prefix + "in.timestep")[0],
              embeddings(run, branch.equals("cond") ? "prompt_embeds" : "negative_prompt_embeds"),
              attention,
              observer);
      differences.put(
          "pred",
          run.checkAtLeast("step0." + branch + ".pred", NdMemory.floats(prediction), BEHIND_TIME));
      Set<String> recorded =
          run.names().stream()
              .filter(name -> name.startsWith(prefix) && !name.contains(".in."))
              .map(name -> name.substring(prefix.length()))
              .collect(Collectors.toCollection(TreeSet::new));
      recorded.add("pred");
      assertEquals(recorded, differences.keySet(), "each recorded value is compared");
    }
  }

  static double compare(GoldenRun run, String name, INDArray value) {
    float[] actual = NdMemory.floats(value);
    if (FIRST_ROWS.stream().anyMatch(name::endsWith)) {
      actual = Arrays.copyOf(actual, run.floats(name).length);
    }
    if (name.endsWith("time_sinusoid")) {
      float[] recorded = run.floats(name);
      for (int i = 0; i < recorded.length; i++) {
        assertEquals(recorded[i], actual[i], SINUSOID, name + " element " + i);
      }
      return run.checkAtLeast(name, actual, 1);
    }
    boolean beforeTime =
        name.endsWith("patch_embed")
            || name.endsWith("text_embed")
            || name.endsWith("image_embed")
            || name.endsWith("b0.attn2_text.k")
            || name.endsWith("b0.attn2_text.v")
            || name.endsWith("b0.norm1")
            || name.endsWith("b0.attn2.k")
            || name.endsWith("b0.attn2.v");
    return run.checkAtLeast(name, actual, beforeTime ? 1e-6 : BEHIND_TIME);
  }

  /**
   * @param grid latent frames, and rows and columns of patches
   * @param axes elements of a head that turn by frame, row and column
   */
  @ParameterizedTest
  @CsvSource({
    "wan/unipc, 5 3 5, 8 6 6, 10000",
    "wan_i2v/i2v, 4 2 3, 8 4 4, 10000",
    "wan_i2v/flf, 4 2 3, 8 4 4, 10000",
    "wan22/ti2v5b/t2v, 3 2 3, 6 6 6, 10000",
    "wan22/ti2v5b/i2v, 3 2 3, 6 6 6, 10000",
    "hunyuan15/t2v, 3 4 6, 4 6 6, 256"
  })
  void rotaryTablesEqualTheRecordedOnes(String name, String grid, String axes, double theta)
      throws IOException {
    GoldenRun run = GoldenRun.open(name);
    run.assumeHas("rope.cos");
    float[] cosines = run.floats("rope.cos");
    float[] sines = run.floats("rope.sin");
    List<Integer> sizes = numbers(grid);
    VideoGrid video = new VideoGrid(sizes.get(0), new PatchGrid(sizes.get(1), sizes.get(2)));
    int headDim = numbers(axes).stream().mapToInt(Integer::intValue).sum();
    RotaryTable table = new RotaryTable(new RotaryEmbedding(numbers(axes), theta), video);
    // Ones in the first elements of the pairs come out as cosines and sines.
    float[] ones = new float[cosines.length];
    for (int i = 0; i < ones.length; i += 2) {
      ones[i] = 1;
    }
    INDArray x = NdMemory.copy(MemorySegment.ofArray(ones), 1, video.tokens(), 1, headDim);
    table.rotate(x);
    float[] turned = NdMemory.floats(x);
    for (int i = 0; i < turned.length; i += 2) {
      assertEquals(cosines[i], turned[i], 1e-6f, "cosine " + i);
      assertEquals(sines[i], turned[i + 1], 1e-6f, "sine " + i);
    }
  }

  private static List<Integer> numbers(String words) {
    return Stream.of(words.split(" ")).map(Integer::valueOf).toList();
  }

  /**
   * Each step's predictions from the latents that were recorded before it, so that an error of one
   * step does not hide in another.
   */
  @ParameterizedTest
  @ValueSource(strings = {"wan/unipc", "wan/euler"})
  void predictionsOfAllStepsEqualTheRecordedOnes(String name, @TempDir Path directory)
      throws IOException {
    GoldenRun run = GoldenRun.open(name);
    Map<String, Double> differences = new TreeMap<>();
    Path folder = GoldenRun.component("wan/model/transformer", directory);
    try (WanTransformer transformer = WanTransformer.open(ComponentFiles.in(folder), false);
        DenseAttention attention = new DenseAttention()) {
      predictions(run, step -> transformer, attention, differences);
    }
    assertEquals(3 * run.floatsOrInts("scheduler.timesteps").length, differences.size());
  }

  @Test
  void bothTransformersOfWan22EqualTheRecordedPredictions(@TempDir Path directory)
      throws IOException {
    GoldenRun run = GoldenRun.open("wan22/a14b/t2v");
    Map<String, Double> differences = new TreeMap<>();
    Path first = GoldenRun.component("wan22/a14b/model/transformer", directory);
    Path second = GoldenRun.component("wan22/a14b/model/transformer_2", directory);
    try (WanTransformer high = WanTransformer.open(ComponentFiles.in(first), false);
        WanTransformer low = WanTransformer.open(ComponentFiles.in(second), false);
        DenseAttention attention = new DenseAttention()) {
      List<String> used =
          IntStream.range(0, 8)
              .mapToObj(i -> run.json().at("/settings/model_used_per_call/" + i).textValue())
              .toList();
      predictions(
          run,
          step -> used.get(2 * step).equals("transformer") ? high : low,
          attention,
          differences);
    }
    assertEquals(12, differences.size());
  }

  /** The transformer that is used in a step. */
  private interface Models {
    WanTransformer of(int step);
  }

  private static void predictions(
      GoldenRun run, Models models, VideoSelfAttention attention, Map<String, Double> differences) {
    float[] timesteps = run.floatsOrInts("scheduler.timesteps");
    double scale = run.json().at("/settings/guidance_scale").doubleValue();
    double boundary = run.json().at("/settings/boundary_ratio").asDouble(0) * 1000;
    double low = run.json().at("/settings/guidance_scale_2").asDouble(scale);
    INDArray prompt = embeddings(run, "prompt_embeds");
    INDArray negative = embeddings(run, "negative_prompt_embeds");
    for (int step = 0; step < timesteps.length; step++) {
      INDArray latents = tensor(run, step == 0 ? "latents_init" : "step" + (step - 1) + ".latents");
      WanTransformer transformer = models.of(step);
      INDArray cond = transformer.predict(latents, timesteps[step], prompt, attention);
      INDArray uncond = transformer.predict(latents, timesteps[step], negative, attention);
      INDArray guided = Guidance.combine(cond, uncond, timesteps[step] >= boundary ? scale : low);
      String prefix = "step" + step + ".";
      Map.of("cond.pred", cond, "uncond.pred", uncond, "guided", guided)
          .forEach(
              (name, value) ->
                  differences.put(
                      prefix + name,
                      run.checkAtLeast(prefix + name, NdMemory.floats(value), BEHIND_TIME)));
    }
  }

  static INDArray tensor(GoldenRun run, String name) {
    long[] shape = Arrays.stream(run.shape(name)).asLongStream().toArray();
    return NdMemory.copy(MemorySegment.ofArray(run.floats(name)), shape);
  }

  /** The stored rows, and zeros up to 512, as the pipeline makes them. */
  static INDArray embeddings(GoldenRun run, String name) {
    float[] stored = run.floats(name);
    int width = run.shape(name)[2];
    assertTrue(run.shape(name)[1] < PromptEncoder.TOKENS);
    float[] all = Arrays.copyOf(stored, PromptEncoder.TOKENS * width);
    return NdMemory.copy(MemorySegment.ofArray(all), 1, PromptEncoder.TOKENS, width);
  }
}
