// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.toolkit.attention.BackendProcessor;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.GenerationOptions;
import org.lvsa.toolkit.attention.LvsaProcessor;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.config.LvsaConfig;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** What each adapter is made of, and each block against the same equations in float64. */
class ModelAdapterTest {
  private static BlockWeights weights(String model, int heads, int kvHeads) {
    ModelAdapter adapter = ModelAdapter.of(model);
    return Transformer.random(adapter, SmallModel.shape(heads, kvHeads), 1, 7).getFirst();
  }

  private static Streams streams(String model, BlockWeights weights) {
    int width = weights.shape().width();
    return new Streams(
        SmallModel.tokens(SmallModel.TOKENS, width, 11),
        SmallModel.tokens(SmallModel.encoderTokens(model), width, 12));
  }

  // ---- the registry

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, wan",
    "wan2.1-14b, wan",
    "wan2.1-i2v-14b, wan",
    "wan2.2-a14b, wan",
    "wan2.2-ti2v-5b, wan",
    "hunyuanvideo-1.5, hunyuan",
    "cogvideox-5b, cogvideox",
    "cogvideox1.5-5b, cogvideox"
  })
  void everyModelOfTheDatasetHasItsAdapter(String model, String family) {
    assertEquals(family, ModelAdapter.of(model).family());
    assertEquals(model, Models.named(model).name());
  }

  @Test
  void noModelOfTheDatasetIsWithoutAnAdapter() {
    for (ModelGeometry model : Models.all()) {
      assertTrue(ModelAdapter.of(model.name()).adapts(model.name()), model.name());
    }
  }

  @Test
  void anUnknownModelIsRefusedWithTheFamiliesThereAre() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> ModelAdapter.of("mochi")).getMessage();
    assertTrue(message.startsWith("no adapter for the model mochi, there are: "), message);
    assertTrue(message.contains("cogvideox, hunyuan, wan"), message);
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, false",
    "wan2.1-i2v-14b, true",
    "wan2.2-a14b, false",
    "wan2.2-ti2v-5b, false"
  })
  void onlyWan21ImageToVideoHasImageTokens(String model, boolean image) {
    assertEquals(image, ((WanAdapter) ModelAdapter.of(model)).image());
  }

  // ---- geometry

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, 832x480, 1560",
    "wan2.1-14b, 1280x720, 3600",
    "wan2.2-ti2v-5b, 1280x704, 880",
    "hunyuanvideo-1.5, 832x480, 1560",
    "hunyuanvideo-1.5, 1280x720, 3600",
    "cogvideox-5b, 720x480, 1350",
    "cogvideox1.5-5b, 1360x768, 4080",
    "wan2.1-1.3b, 416x240, 390"
  })
  void patchesPerFrame(String model, String resolution, int patches) {
    assertEquals(
        patches,
        ModelAdapter.of(model).patchesPerFrame(Models.named(model), Resolution.parse(resolution)));
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, 81, 21",
    "wan2.1-1.3b, 61, 16",
    "wan2.1-1.3b, 161, 41",
    "wan2.1-1.3b, 1, 1",
    "wan2.1-1.3b, 5, 2",
    "wan2.2-ti2v-5b, 121, 31",
    "hunyuanvideo-1.5, 129, 33",
    "hunyuanvideo-1.5, 193, 49",
    "cogvideox-5b, 49, 13",
    "cogvideox1.5-5b, 81, 11",
    "cogvideox1.5-5b, 49, 7",
    "cogvideox1.5-5b, 161, 21",
    "cogvideox1.5-5b, 1, 1"
  })
  void latentFrames(String model, int frames, int latent) {
    assertEquals(latent, ModelAdapter.of(model).latentFrames(Models.named(model), frames));
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, 21, 81",
    "wan2.1-14b, 21, 81",
    "wan2.2-a14b, 21, 81",
    "wan2.2-ti2v-5b, 31, 121",
    "hunyuanvideo-1.5, 33, 129",
    "cogvideox-5b, 13, 49",
    "cogvideox1.5-5b, 11, 81"
  })
  void theTrainingHorizonIsTheLengthOfTrainingVideos(String model, int horizon, int frames) {
    ModelGeometry geometry = Models.named(model);
    assertEquals(horizon, ModelAdapter.of(model).referenceLatentFrames(geometry));
    assertEquals(horizon, ModelAdapter.of(model).latentFrames(geometry, frames));
  }

  // ---- weights

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, blocks.3.",
    "hunyuanvideo-1.5, transformer_blocks.3.",
    "cogvideox-5b, transformer_blocks.3."
  })
  void tensorsHaveDiffusersPrefixes(String model, String prefix) {
    assertEquals(prefix, ModelAdapter.of(model).prefix(3));
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, attn1.to_q.weight, 24 24",
    "wan2.1-1.3b, attn1.to_k.weight, 12 24",
    "wan2.1-1.3b, attn1.norm_q.weight, 24",
    "wan2.1-1.3b, attn1.norm_k.weight, 12",
    "wan2.1-1.3b, attn2.to_out.0.bias, 24",
    "wan2.1-i2v-14b, attn2.add_k_proj.weight, 12 24",
    "wan2.1-i2v-14b, attn2.add_v_proj.bias, 12",
    "wan2.1-i2v-14b, attn2.norm_added_k.weight, 12",
    "hunyuanvideo-1.5, attn.add_q_proj.weight, 24 24",
    "hunyuanvideo-1.5, attn.norm_added_q.weight, 12",
    "hunyuanvideo-1.5, attn.to_add_out.weight, 24 24",
    "hunyuanvideo-1.5, attn.norm_q.weight, 12",
    "cogvideox-5b, attn1.norm_q.bias, 12",
    "cogvideox-5b, attn1.to_v.weight, 12 24"
  })
  void tensorsHaveTheirShapes(String model, String name, String shape) {
    long[] expected = Arrays.stream(shape.split(" ")).mapToLong(Long::parseLong).toArray();
    assertArrayEquals(
        expected, ModelAdapter.of(model).tensors(SmallModel.shape(2, 1)).get(name), name);
  }

  @ParameterizedTest
  @CsvSource({"wan2.1-1.3b, 20", "wan2.1-i2v-14b, 25", "hunyuanvideo-1.5, 20", "cogvideox-5b, 12"})
  void aBlockHasSoManyAttentionTensors(String model, int count) {
    assertEquals(count, ModelAdapter.of(model).tensors(SmallModel.shape(2, 2)).size());
  }

  @Test
  void textToVideoHasNoAddedProjections() {
    assertTrue(
        ModelAdapter.of("wan2.1-14b").tensors(SmallModel.shape(2, 2)).keySet().stream()
            .noneMatch(name -> name.contains("add")));
  }

  // ---- pieces

  @ParameterizedTest
  @ValueSource(strings = {"wan2.1-1.3b", "wan2.1-i2v-14b", "hunyuanvideo-1.5", "cogvideox-5b"})
  void projectionsAreHeads(String model) {
    BlockWeights weights = weights(model, 4, 2);
    Qkv qkv = ModelAdapter.of(model).qkv(weights, SmallModel.tokens(7, weights.shape().width(), 1));
    assertArrayEquals(new long[] {1, 7, 4, 12}, qkv.query().shape());
    assertArrayEquals(new long[] {1, 7, 2, 12}, qkv.key().shape());
    assertArrayEquals(new long[] {1, 7, 2, 12}, qkv.value().shape());
    assertEquals(7, qkv.tokens());
  }

  @Test
  void wanNormalisesAcrossHeads() {
    BlockWeights weights = weights("wan2.1-1.3b", 2, 2);
    weights.tensor("attn1.norm_q.weight").assign(1);
    INDArray query =
        ModelAdapter.of("wan2.1-1.3b").qkv(weights, SmallModel.tokens(5, 24, 1)).query();
    for (int token = 0; token < 5; token++) {
      INDArray one = query.get(NDArrayIndex.point(0), NDArrayIndex.point(token));
      assertEquals(1, one.mul(one).meanNumber().doubleValue(), 1e-4);
      double first = one.getRow(0).mul(one.getRow(0)).meanNumber().doubleValue();
      assertTrue(Math.abs(first - 1) > 1e-3, "a head alone has not the norm of all");
    }
  }

  @ParameterizedTest
  @CsvSource({"hunyuanvideo-1.5, attn", "cogvideox-5b, attn1"})
  void theOthersNormaliseInEachHead(String model, String module) {
    BlockWeights weights = weights(model, 2, 2);
    weights.tensor(module + ".norm_q.weight").assign(1);
    if (weights.tensor(module + ".norm_q.bias") != null) {
      weights.tensor(module + ".norm_q.bias").assign(0);
    }
    INDArray rows =
        ModelAdapter.of(model)
            .qkv(weights, SmallModel.tokens(5, 24, 1))
            .query()
            .reshape('c', 10, 12);
    for (int row = 0; row < 10; row++) {
      INDArray head = rows.getRow(row);
      assertEquals(1, head.mul(head).meanNumber().doubleValue(), 1e-3);
    }
  }

  @Test
  void cogVideoXSharesItsProjectionsWithText() {
    BlockWeights weights = weights("cogvideox-5b", 2, 2);
    ModelAdapter adapter = ModelAdapter.of("cogvideox-5b");
    INDArray tokens = SmallModel.tokens(6, 24, 3);
    Qkv video = adapter.qkv(weights, tokens);
    Qkv text = adapter.encoderQkv(weights, tokens).orElseThrow();
    assertEquals(video.query(), text.query());
    assertEquals(video.key(), text.key());
    assertEquals(video.value(), text.value());
  }

  @Test
  void hunyuanVideoHasProjectionsOfItsOwnForText() {
    BlockWeights weights = weights("hunyuanvideo-1.5", 2, 2);
    ModelAdapter adapter = ModelAdapter.of("hunyuanvideo-1.5");
    INDArray tokens = SmallModel.tokens(6, 24, 3);
    Qkv video = adapter.qkv(weights, tokens);
    Qkv text = adapter.encoderQkv(weights, tokens).orElseThrow();
    assertTrue(video.query().distance2(text.query()) > 0.1);
    assertArrayEquals(new long[] {1, 6, 2, 12}, text.key().shape());
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan2.1-1.3b", "wan2.1-i2v-14b"})
  void wanTextTakesNoPartInSelfAttention(String model) {
    assertTrue(
        ModelAdapter.of(model)
            .encoderQkv(weights(model, 2, 2), SmallModel.tokens(4, 24, 1))
            .isEmpty());
  }

  @ParameterizedTest
  @ValueSource(strings = {"hunyuanvideo-1.5", "cogvideox-5b"})
  void jointModelsHaveNoCrossAttentionAndLeaveTheEncoderWhole(String model) {
    BlockWeights weights = weights(model, 2, 2);
    INDArray encoder = SmallModel.tokens(600, 24, 1);
    ModelAdapter adapter = ModelAdapter.of(model);
    EncoderTokens split = adapter.splitEncoder(weights, encoder);
    assertEquals(encoder, split.text());
    assertTrue(split.image().isEmpty());
    assertTrue(
        adapter
            .crossAttention(
                weights,
                (query, key, value) -> {
                  throw new AssertionError("called");
                },
                SmallModel.tokens(6, 24, 2),
                split)
            .isEmpty());
  }

  @Test
  void imageTokensAreThoseBeforeTheLast512() {
    BlockWeights weights = weights("wan2.1-i2v-14b", 2, 2);
    INDArray encoder = SmallModel.tokens(512 + 257, 24, 1);
    EncoderTokens split = ModelAdapter.of("wan2.1-i2v-14b").splitEncoder(weights, encoder);
    assertEquals(512, split.text().size(0));
    assertEquals(257, split.image().orElseThrow().size(0));
    assertEquals(encoder.getRow(0), split.image().orElseThrow().getRow(0));
    assertEquals(encoder.getRow(257), split.text().getRow(0));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 511, 512})
  void tooFewEncoderTokensForAnImageAreRefused(int tokens) {
    BlockWeights weights = weights("wan2.1-i2v-14b", 2, 2);
    INDArray encoder = SmallModel.tokens(tokens, 24, 1);
    assertEquals(
        "an image-to-video model's encoder tokens are the image's and then 512 of text, got "
            + tokens
            + " in all",
        assertThrows(
                IllegalArgumentException.class,
                () -> ModelAdapter.of("wan2.1-i2v-14b").splitEncoder(weights, encoder))
            .getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan2.1-1.3b", "hunyuanvideo-1.5", "cogvideox-5b"})
  void outputProjectionTakesHeadsToFeatures(String model) {
    BlockWeights weights = weights(model, 2, 2);
    INDArray heads = weights.heads(SmallModel.tokens(6, 24, 1));
    assertArrayEquals(
        new long[] {6, 24}, ModelAdapter.of(model).outputProjection(weights, heads).shape());
  }

  @ParameterizedTest
  @CsvSource({"wan2.1-1.3b, false", "hunyuanvideo-1.5, true", "cogvideox-5b, true"})
  void outputIsOneStreamOrTwo(String model, boolean two) {
    BlockWeights weights = weights(model, 2, 2);
    INDArray video = SmallModel.tokens(6, 24, 1);
    Optional<INDArray> text =
        two ? Optional.of(weights.heads(SmallModel.tokens(4, 24, 2))) : Optional.empty();
    Streams.Change change = ModelAdapter.of(model).formatOutput(weights, video, text);
    assertEquals(video, change.video());
    assertEquals(two, change.encoder().isPresent());
    change.encoder().ifPresent(e -> assertArrayEquals(new long[] {4, 24}, e.shape()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan2.1-1.3b", "hunyuanvideo-1.5", "cogvideox-5b"})
  void withoutTextTheOutputIsOneStream(String model) {
    BlockWeights weights = weights(model, 2, 2);
    INDArray video = SmallModel.tokens(6, 24, 1);
    assertTrue(
        ModelAdapter.of(model).formatOutput(weights, video, Optional.empty()).encoder().isEmpty());
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan2.1-1.3b", "hunyuanvideo-1.5", "cogvideox-5b"})
  void aLaterRanksTokensTurnByTheirPlaceInTheWholeVideo(String model) {
    BlockWeights weights = weights(model, 2, 2);
    ModelAdapter adapter = ModelAdapter.of(model);
    INDArray heads = weights.heads(SmallModel.tokens(SmallModel.TOKENS, 24, 1));
    INDArray whole = adapter.rotate(weights, heads, 0);
    // 25 tokens from the 17th on: neither end is a frame's.
    INDArray part = NdMemory.tokens(heads, 17, 42);
    assertEquals(NdMemory.tokens(whole, 17, 42), adapter.rotate(weights, part, 17));
  }

  // ---- installation

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, WanSelfAttention, LVSA_WAN_HOOK=1",
    "hunyuanvideo-1.5, HunyuanVideo15Attention, LVSA_HUNYUAN_HOOK=1",
    "cogvideox-5b, CogVideoXAttention, DIFFUSION_ATTENTION_BACKEND=LVSA"
  })
  void hooksNameTheirModuleAndTheirSwitch(String model, String module, String instruction) {
    Hook hook = ModelAdapter.of(model).hook();
    assertEquals(module, hook.module());
    assertEquals(instruction, hook.instruction());
  }

  @ParameterizedTest
  @CsvSource({
    // model, attention, variable's value, wanted
    "wan2.1-1.3b, LVSA, , false",
    "wan2.1-1.3b, LVSA, 0, false",
    "wan2.1-1.3b, LVSA, false, false",
    "wan2.1-1.3b, LVSA, no, false",
    "wan2.1-1.3b, LVSA, 1, true",
    "wan2.1-1.3b, LVSA, true, true",
    "wan2.1-1.3b, LVSA, YES, true",
    "wan2.1-1.3b, SDPA, 1, false",
    "hunyuanvideo-1.5, LVSA, , true",
    "hunyuanvideo-1.5, LVSA, 1, true",
    "hunyuanvideo-1.5, LVSA, 0, false",
    "hunyuanvideo-1.5, LVSA, off, false",
    "hunyuanvideo-1.5, SDPA, 1, false",
    "cogvideox-5b, LVSA, , true",
    "cogvideox-5b, SDPA, , false"
  })
  void hooksAreInstalledAsTheConfigurationSays(
      String model, String attention, String value, boolean wanted) {
    ModelAdapter adapter = ModelAdapter.of(model);
    String variable = adapter.hook().variable().map(Setting::name).orElse("LVSA_WARN_FALLBACK");
    LvsaConfig config =
        value == null
            ? SmallModel.config(attention)
            : SmallModel.config(attention, variable, value);
    List<String> log = SmallModel.log();
    try (Generation generation = SmallModel.generation(config, RankView.alone(), log)) {
      Transformer transformer =
          Transformer.of(adapter, Transformer.random(adapter, SmallModel.shape(2, 2), 3, 1));
      assertEquals(wanted ? 3 : 0, transformer.install(generation));
      Class<?> processor = wanted ? LvsaProcessor.class : BackendProcessor.class;
      transformer.blocks().forEach(block -> assertInstanceOf(processor, block.processor()));
      assertEquals(
          wanted
              ? List.of(
                  "[LVSA-hook] Installed LVSA hook on %s (3 blocks, T_lat=10, sparsity_scale=1.0)"
                      .formatted(adapter.hook().module()))
              : List.of(),
          log);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, LVSA_WAN_HOOK=1",
    "hunyuanvideo-1.5, LVSA_HUNYUAN_HOOK=1",
    "cogvideox-5b, DIFFUSION_ATTENTION_BACKEND=LVSA"
  })
  void withoutALengthTheHookSaysSoAndStaysAway(String model, String instruction) {
    ModelAdapter adapter = ModelAdapter.of(model);
    List<String> log = SmallModel.log();
    try (Generation generation =
        new Generation(
            GenerationOptions.of(SmallModel.config("LVSA", "LVSA_WAN_HOOK", "1")),
            (level, line) -> log.add(level + " " + line))) {
      Transformer transformer =
          Transformer.of(adapter, Transformer.random(adapter, SmallModel.shape(2, 2), 1, 1));
      assertEquals(0, transformer.install(generation));
      assertEquals(1, log.size());
      assertTrue(
          log.getFirst()
              .startsWith(
                  "WARN [LVSA] Warning: " + instruction + " but LVSA_TOTAL_LATENT_FRAMES not set"),
          log.getFirst());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "wan2.1-1.3b, blocks.0, proj_out",
    "hunyuanvideo-1.5, transformer_blocks.0, proj_out",
    "cogvideox-5b, transformer_blocks.0, proj_out"
  })
  void plansSayWhereTokensAreSplit(String model, String split, String gather) {
    assertEquals(
        new ContextParallelPlan(split, gather), ModelAdapter.of(model).contextParallelPlan());
    assertEquals(1, ContextParallelPlan.AXIS);
  }

  // ---- the whole block

  @ParameterizedTest
  @CsvSource({
    // model, attention, hooked, heads, kvHeads
    "wan2.1-1.3b, SDPA, false, 2, 2",
    "wan2.1-1.3b, LVSA, false, 2, 2",
    "wan2.1-1.3b, LVSA, true, 2, 2",
    "wan2.1-1.3b, LVSA, true, 4, 2",
    "wan2.1-i2v-14b, SDPA, false, 2, 2",
    "wan2.1-i2v-14b, LVSA, true, 2, 1",
    "hunyuanvideo-1.5, SDPA, false, 2, 2",
    "hunyuanvideo-1.5, LVSA, false, 2, 2",
    "hunyuanvideo-1.5, LVSA, true, 2, 2",
    "hunyuanvideo-1.5, LVSA, true, 4, 1",
    "cogvideox-5b, SDPA, false, 2, 2",
    "cogvideox-5b, LVSA, false, 2, 2",
    "cogvideox-5b, LVSA, true, 2, 2",
    "cogvideox-5b, LVSA, true, 3, 3"
  })
  void theBlockIsItsEquations(
      String model, String attention, boolean hooked, int heads, int kvHeads) {
    ModelAdapter adapter = ModelAdapter.of(model);
    BlockWeights weights = weights(model, heads, kvHeads);
    Streams streams = streams(model, weights);
    LvsaConfig config =
        SmallModel.config(
            attention,
            "LVSA_WAN_HOOK",
            hooked ? "1" : "0",
            "LVSA_HUNYUAN_HOOK",
            hooked ? "1" : "0");
    BlockSparseLayout layout = attention.equals("LVSA") ? SmallModel.layout(1) : null;
    List<String> log = SmallModel.log();
    try (Generation generation = SmallModel.generation(config, RankView.alone(), log)) {
      Transformer transformer = Transformer.of(adapter, List.of(weights));
      if (hooked || !model.startsWith("cogvideox")) {
        assertEquals(hooked ? 1 : 0, transformer.install(generation));
      }
      Streams.Change out = transformer.blocks().getFirst().attend(generation, streams);
      BlockEquations.Added expected = SmallModel.expected(model, weights, streams, layout);
      SmallModel.assertClose(expected.video(), out.video(), "video");
      assertEquals(expected.encoder() != null, out.encoder().isPresent());
      out.encoder().ifPresent(text -> SmallModel.assertClose(expected.encoder(), text, "text"));
      assertEquals(
          layout == null ? 1 : layout.density(), generation.density(), 1e-12, "what really ran");
      assertTrue(layout == null || layout.density() < 0.8);
      assertTrue(log.stream().noneMatch(line -> line.contains("FALLBACK")), log.toString());
    }
  }

  @Test
  void withoutItsImageAnImageToVideoBlockGivesSomethingElse() {
    BlockWeights weights = weights("wan2.1-i2v-14b", 2, 2);
    Streams streams = streams("wan2.1-i2v-14b", weights);
    BlockEquations equations = SmallModel.equations(weights, null);
    double[][] video = BlockEquations.matrix(streams.video());
    double[][] encoder = BlockEquations.matrix(streams.encoder());
    double with = equations.wan(video, encoder, true).video()[0][0];
    double without =
        equations.wan(video, Arrays.copyOfRange(encoder, SmallModel.IMAGE, encoder.length), false)
            .video()[0][0];
    assertTrue(Math.abs(with - without) > 1e-3);
  }

  @ParameterizedTest
  @CsvSource({"12, 12, 6, 6", "8, 2, 4, 1", "8, 2, 8, 2"})
  void fewerHeadsKeepTheModelsGroups(int heads, int kvHeads, int wanted, int kv) {
    ModelGeometry wan = Models.named("wan2.1-1.3b");
    ModelGeometry model =
        new ModelGeometry(
            "test",
            "Test",
            heads,
            kvHeads,
            128,
            1,
            4,
            8,
            2,
            1,
            21,
            wan.ropeAxes(),
            10000,
            wan.resolutions(),
            "a test");
    BlockShape shape = BlockShape.of(model, new PatchGrid(2, 2), wanted);
    assertEquals(wanted, shape.heads());
    assertEquals(kv, shape.kvHeads());
    assertEquals(wanted * 128, shape.width());
    assertEquals(kv * 128, shape.keyWidth());
  }

  @Test
  void headsThatBreakAGroupAreRefused() {
    ModelGeometry wan = Models.named("wan2.1-1.3b");
    ModelGeometry model =
        new ModelGeometry(
            "grouped",
            "Test",
            8,
            2,
            128,
            1,
            4,
            8,
            2,
            1,
            21,
            wan.ropeAxes(),
            10000,
            wan.resolutions(),
            "a test");
    assertEquals(
        "heads must be a multiple of 4 (query heads of a key/value head of grouped), got 6",
        assertThrows(
                IllegalArgumentException.class, () -> BlockShape.of(model, new PatchGrid(2, 2), 6))
            .getMessage());
  }

  @Test
  void aSeedGivesTheSameWeights() {
    ModelAdapter adapter = ModelAdapter.of("wan2.1-1.3b");
    Map<String, INDArray> one =
        Transformer.random(adapter, SmallModel.shape(2, 2), 2, 5).get(1).tensors();
    Map<String, INDArray> again =
        Transformer.random(adapter, SmallModel.shape(2, 2), 2, 5).get(1).tensors();
    Map<String, INDArray> other =
        Transformer.random(adapter, SmallModel.shape(2, 2), 2, 6).get(1).tensors();
    one.forEach((name, tensor) -> assertEquals(tensor, again.get(name), name));
    assertTrue(one.get("attn1.to_q.weight").distance2(other.get("attn1.to_q.weight")) > 0.1);
    assertEquals(1, Nd4j.mean(one.get("attn1.norm_q.weight")).getDouble(0), 0.1);
  }
}
