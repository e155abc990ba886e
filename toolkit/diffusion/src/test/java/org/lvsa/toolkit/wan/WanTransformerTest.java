// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.attention.Attended;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.layers.SoftmaxAttention;
import org.lvsa.toolkit.pipeline.Guidance;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.TestWeights;
import org.lvsa.toolkit.weights.WeightTensor;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What holds for every size, with random weights. */
class WanTransformerTest {
  private static final VideoSelfAttention DENSE =
      (layer, grid, video, text) ->
          new Attended(
              SoftmaxAttention.attend(video.query(), video.key(), video.value()), Optional.empty());

  private final long seed = new Random().nextLong();
  private final Random random = new Random(seed);

  private int between(int least, int most) {
    return least + random.nextInt(most - least + 1);
  }

  private WanConfig config() {
    int channels = between(1, 5);
    return new WanConfig(
        between(1, 3),
        between(1, 3),
        2 * between(3, 10),
        between(5, 60),
        new WanConfig.Conditions(2 * between(2, 20), between(3, 30)),
        new WanConfig.Channels(channels, between(1, 5)),
        new WanConfig.Patch(1, between(1, 2), between(1, 2)),
        random.nextBoolean(),
        new WanConfig.Trained(1024),
        1e-6);
  }

  private INDArray random(long... shape) {
    float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return NdMemory.copy(MemorySegment.ofArray(values), shape);
  }

  private INDArray latents(WanConfig config, int batch, int frames) {
    return random(
        batch,
        config.channels().in(),
        frames,
        (long) config.patch().rows() * between(1, 7),
        (long) config.patch().columns() * between(1, 7));
  }

  private void near(INDArray expected, INDArray actual, String what) {
    double size = Math.max(1e-9, expected.norm2Number().doubleValue());
    double difference = expected.sub(actual).norm2Number().doubleValue() / size;
    assertTrue(difference < 1e-5, what + " differs by " + difference + ", seed " + seed);
  }

  @RepeatedTest(8)
  void aBatchOfTwoIsTwoPassesOnOddGridsAndOneFrame() {
    WanConfig config = config();
    INDArray latents = latents(config, 2, between(1, 4));
    INDArray text = random(2, between(1, 9), config.textWidth());
    double timestep = random.nextDouble() * 1000;
    try (WanTransformer transformer = WanTransformer.randomWeights(config, seed)) {
      INDArray both = transformer.predict(latents, timestep, text, DENSE);
      long[] shape = latents.shape().clone();
      shape[1] = config.channels().out();
      assertArrayEquals(shape, both.shape());
      for (int element = 0; element < 2; element++) {
        near(
            transformer.predict(
                Guidance.elements(latents, element, 1),
                timestep,
                Guidance.elements(text, element, 1),
                DENSE),
            Guidance.elements(both, element, 1),
            "element " + element);
      }
      near(
          both,
          transformer.predict(
              Guidance.join(Guidance.elements(latents, 0, 1), Guidance.elements(latents, 1, 1)),
              timestep,
              text,
              DENSE),
          "the joined batch");
    }
  }

  /** Attention does not see the order of the text, and positions only by rotary embedding. */
  @RepeatedTest(4)
  void theOrderOfTheTextDoesNotMatterButTheOrderOfFramesDoes() {
    WanConfig config = config();
    INDArray latents = random(1, config.channels().in(), 3, 2, 2);
    INDArray text = random(1, 5, config.textWidth());
    try (WanTransformer transformer = WanTransformer.randomWeights(config, seed)) {
      INDArray prediction = transformer.predict(latents, 500, text, DENSE);
      INDArray reversed = Nd4j.reverse(text.dup().reshape(-1)).reshape(1, 5, config.textWidth());
      INDArray turned = text.dup();
      for (int token = 0; token < 5; token++) {
        for (int i = 0; i < config.textWidth(); i++) {
          turned.putScalar(0, token, i, text.getDouble(0, 4 - token, i));
        }
      }
      near(prediction, transformer.predict(latents, 500, turned, DENSE), "text turned round");
      INDArray other = transformer.predict(latents, 500, reversed, DENSE);
      assertTrue(prediction.sub(other).norm2Number().doubleValue() > 1e-6, "seed " + seed);
    }
  }

  @Test
  void predictionsAreTheSameBitsEveryTime() {
    WanConfig config =
        new WanConfig(
            2,
            2,
            22,
            50,
            new WanConfig.Conditions(16, 12),
            new WanConfig.Channels(4, 4),
            new WanConfig.Patch(1, 2, 2),
            true,
            new WanConfig.Trained(1024),
            1e-6);
    INDArray latents = random(1, 4, 3, 6, 10);
    INDArray text = random(1, 20, 12);
    try (WanTransformer transformer = WanTransformer.randomWeights(config, seed)) {
      float[] first = NdMemory.floats(transformer.predict(latents, 750, text, DENSE));
      for (int i = 0; i < 300; i++) {
        try (INDArray again = transformer.predict(latents, 750, text, DENSE)) {
          assertArrayEquals(first, NdMemory.floats(again), "pass " + i + ", seed " + seed);
        }
      }
    }
  }

  @Test
  void shardsASingleFileAndNarrowWeightsGiveTheSamePrediction(@TempDir Path directory)
      throws IOException {
    Path sharded = GoldenRun.component("wan/model/transformer", directory);
    GoldenRun run = GoldenRun.open("wan/unipc");
    INDArray latents = WanGoldenTest.tensor(run, "latents_init");
    INDArray text = WanGoldenTest.embeddings(run, "prompt_embeds");
    float[] expected;
    try (WanTransformer transformer = WanTransformer.open(ComponentFiles.in(sharded), false)) {
      expected = NdMemory.floats(transformer.predict(latents, 999, text, DENSE));
      assertArrayEquals(
          expected,
          predict(rewritten(transformer, directory, DType.F32, DType.F32), latents, text));
      assertArrayEquals(
          predict(rewritten(transformer, directory, DType.BF16, DType.F32), latents, text),
          predict(rewritten(transformer, directory, DType.BF16, DType.BF16), latents, text));
    }
  }

  private static float[] predict(Path folder, INDArray latents, INDArray text) {
    try (WanTransformer transformer = WanTransformer.open(ComponentFiles.in(folder), false)) {
      return NdMemory.floats(transformer.predict(latents, 999, text, DENSE));
    }
  }

  /** The weights rounded to a type and stored in one file as another. */
  private static Path rewritten(
      WanTransformer transformer, Path directory, DType rounded, DType stored) throws IOException {
    Path folder = Files.createDirectories(directory.resolve(rounded + "-" + stored));
    Map<String, WeightTensor> tensors = new TreeMap<>();
    for (String name : transformer.weights().names()) {
      WeightTensor tensor = transformer.weights().get(name);
      float[] values = TestWeights.tensor(name, rounded, tensor.shape(), tensor.floats()).floats();
      tensors.put(name, TestWeights.tensor(name, stored, tensor.shape(), values));
    }
    TestWeights.write(folder.resolve("diffusion_pytorch_model.safetensors"), tensors);
    Files.copy(
        directory.resolve("wan/model/transformer/config.json"), folder.resolve("config.json"));
    return folder;
  }

  @Test
  void guidancePushesAwayFromTheNegativePrompt() {
    INDArray cond = random(1, 2, 3);
    INDArray uncond = random(1, 2, 3);
    near(uncond.add(cond.sub(uncond).mul(5)), Guidance.combine(cond, uncond, 5), "guidance");
    assertTrue(Guidance.isOn(1.01));
    assertTrue(!Guidance.isOn(1));
  }

  @Test
  void latentsAndTextsThatDoNotFitAreNamed() {
    WanConfig config =
        new WanConfig(
            1,
            1,
            6,
            8,
            new WanConfig.Conditions(4, 5),
            new WanConfig.Channels(4, 4),
            new WanConfig.Patch(1, 2, 2),
            true,
            new WanConfig.Trained(8),
            1e-6);
    try (WanTransformer transformer = WanTransformer.randomWeights(config, 1)) {
      assertMessage("multiples of 1, 2 and 2, got [1, 4, 1, 3, 4]", transformer, 4, 1, 3, 4, 5);
      assertMessage("latents must be [batch, 4,", transformer, 3, 1, 2, 4, 5);
      assertMessage("9 patches along an axis, the model has 8", transformer, 4, 9, 2, 4, 5);
      assertMessage("text embeddings must be [1, tokens, 5]", transformer, 4, 1, 2, 4, 6);
    }
  }

  private void assertMessage(
      String part, WanTransformer transformer, int c, int t, int h, int w, int text) {
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> transformer.predict(random(1, c, t, h, w), 1, random(1, 2, text), DENSE))
            .getMessage();
    assertTrue(message.contains(part), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"WanTransformer3DModel\"|\"FluxTransformer2DModel\"|_class_name \"FluxTransformer2DModel\" is not supported, supported: WanTransformer3DModel",
        "\"rms_norm_across_heads\"|\"layer_norm\"|qk_norm \"layer_norm\" is not supported, supported: rms_norm_across_heads",
        "\"image_dim\": null|\"image_dim\": 1280|added_kv_proj_dim must be 60, the features of a token, since image_dim is given, got null",
        "\"ffn_dim\": 112|\"ffn_dim\": -3|ffn_dim must be a whole number from 1, got -3",
        "\"ffn_dim\": 112|\"other\": 112|has no value for ffn_dim",
        "\"attention_head_dim\": 20|\"attention_head_dim\": 21|attention_head_dim must be an even number from 6, got 21",
      })
  void configsThatAreNotSupportedAreNamed(
      String text, String other, String part, @TempDir Path directory) throws IOException {
    Path config = GoldenRun.file("wan/model/transformer/config.json", directory);
    String json = Files.readString(config);
    assertTrue(json.contains(text), text);
    Files.writeString(config, json.replace(text, other));
    String message =
        assertThrows(
                MalformedFileException.class,
                () -> WanConfig.of(ComponentConfig.read(config.getParent())))
            .getMessage();
    assertTrue(message.contains(part) && message.startsWith(config.toString()), message);
  }

  @Test
  void aCheckpointOfAnotherSizeIsRefused(@TempDir Path directory) throws IOException {
    Path folder = GoldenRun.component("wan/model/transformer", directory);
    Path config = folder.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replace("\"num_layers\": 2", "\"num_layers\": 3"));
    String message =
        assertThrows(
                MalformedFileException.class,
                () -> WanTransformer.open(ComponentFiles.in(folder), false).close())
            .getMessage();
    assertTrue(message.contains("missing: blocks.2.attn1.to_q.weight"), message);
  }

  /** ND4J frees memory only with the garbage otherwise, and a step is gigabytes. */
  @Test
  void allTensorsOfAPredictionAreFreedAndAtOnceTakeNoMoreThanIsSaid() {
    WanConfig config = config();
    INDArray latents = latents(config, 2, 3);
    INDArray text = random(2, 4, config.textWidth());
    Map<String, INDArray> seen = new HashMap<>();
    long[] most = {0};
    try (WanTransformer transformer = WanTransformer.randomWeights(config, seed)) {
      VideoGrid grid = transformer.grid(latents);
      INDArray out =
          transformer.predict(
              latents,
              1,
              text,
              (layer, g, video, t) -> {
                INDArray result = video.value().dup('c');
                seen.put("result of layer " + layer, result);
                return new Attended(result, Optional.empty());
              },
              (name, value) -> {
                if (!name.contains("norm1") && !name.equals("norm_out")) {
                  seen.put(name, value.get());
                }
                most[0] = Math.max(most[0], liveTokens(seen, grid.tokens()));
              });
      seen.forEach((name, tensor) -> assertTrue(tensor.wasClosed(), name + " is not freed"));
      assertTrue(seen.containsKey("b0.attn1.q") && seen.containsKey("b0.attn2_out"));
      assertTrue(!out.wasClosed());
      long said = config.workingBytes(2, grid.tokens());
      assertTrue(most[0] <= said && most[0] > said / 4, most[0] + " of " + said + " bytes");
    }
  }

  /** Bytes of the tensors of video tokens that are seen and not freed. */
  private static long liveTokens(Map<String, INDArray> seen, int tokens) {
    // By identity: ND4J's own equality reads the elements, also of tensors that are freed.
    Set<INDArray> tensors = Collections.newSetFromMap(new IdentityHashMap<>());
    tensors.addAll(seen.values());
    return tensors.stream()
        .filter(tensor -> !tensor.wasClosed() && tensor.rank() > 2 && tensor.size(1) == tokens)
        .mapToLong(tensor -> tensor.length() * Float.BYTES)
        .sum();
  }
}
