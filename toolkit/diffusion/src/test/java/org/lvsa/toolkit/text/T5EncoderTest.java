// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.TestWeights;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The T5 encoder, as UMT5 and as ByT5, against the published ones' recorded values. */
class T5EncoderTest {
  private static final String FOLDER = "wan/model/text_encoder";

  @Test
  void everyStageEqualsTheRecordedOne(@TempDir Path directory) throws IOException {
    GoldenRun golden = GoldenRun.open("wan/text");
    int tokens = 64;
    int[] ids = golden.ints("text64.ids");
    int[] mask = golden.ints("text64.mask");
    int prompts = ids.length / tokens;
    int[][] rows = new int[prompts][];
    int[] lengths = new int[prompts];
    for (int prompt = 0; prompt < prompts; prompt++) {
      rows[prompt] = Arrays.copyOfRange(ids, prompt * tokens, (prompt + 1) * tokens);
      lengths[prompt] = Arrays.stream(mask, prompt * tokens, (prompt + 1) * tokens).sum();
    }
    Map<String, Double> seen = new LinkedHashMap<>();
    try (T5Encoder encoder =
        T5Encoder.open(ComponentFiles.in(GoldenRun.component(FOLDER, directory)), false)) {
      INDArray out =
          encoder.encode(
              rows,
              lengths,
              (name, value) ->
                  seen.put(name, golden.check("text64." + name, NdMemory.floats(value.get()))));
      seen.put("last_hidden_state", golden.check("text64.last_hidden_state", NdMemory.floats(out)));

      float[] recorded = golden.floats("text64.layer0.position_bias");
      float[][] bias = encoder.positionBias(0, tokens);
      for (int i = 0; i < recorded.length; i++) {
        int key = i % tokens;
        int query = i / tokens % tokens;
        int head = i / tokens / tokens;
        assertEquals(recorded[i], bias[head][key - query + tokens - 1], "position bias " + i);
      }
      int[] buckets = golden.ints("text64.bucket_of_key_minus_query");
      for (int i = 0; i < buckets.length; i++) {
        assertEquals(buckets[i], encoder.config().bucket(i - tokens + 1), "bucket " + i);
      }
    }
    assertEquals(
        List.of(
            "embed",
            "layer0.attn",
            "layer0.ff",
            "layer0",
            "layer1.attn",
            "layer1.ff",
            "layer1",
            "last_hidden_state"),
        List.copyOf(seen.keySet()));
  }

  /** ByT5 has one table of positions for all layers, and the text of a video's signs as bytes. */
  @Test
  void bytesBecomeTheRecordedEmbeddings(@TempDir Path directory) throws IOException {
    GoldenRun run = GoldenRun.open("hunyuan15/t2v");
    String model = "hunyuan15/model/";
    Path tokenizer =
        GoldenRun.file(model + "tokenizer_2/tokenizer_config.json", directory).getParent();
    String glyphs = run.json().get("glyph_extraction").get(0).get("glyph").textValue();
    int[] ids = ByteTokenizer.open(tokenizer).ids(glyphs, 256);
    assertArrayEquals(run.ints("byt5.prompt.ids"), ids);
    Path folder = GoldenRun.component(model + "text_encoder_2", directory);
    try (T5Encoder encoder = T5Encoder.open(ComponentFiles.in(folder), false)) {
      assertFalse(encoder.config().biasPerLayer());
      run.check(
          "byt5.prompt.last_hidden_state", NdMemory.floats(encoder.encode(new int[][] {ids})));
    }
  }

  @Test
  void addedWordsAreOneTokenAndLongTextsAreCut(@TempDir Path directory) throws IOException {
    Files.writeString(
        directory.resolve("tokenizer_config.json"),
        """
        {"added_tokens_decoder": {"0": {"content": "<pad>"}, "1": {"content": "</s>"},
         "259": {"content": "<red>"}, "260": {"content": "<red>x"}}}
        """);
    ByteTokenizer tokenizer = ByteTokenizer.open(directory);
    assertArrayEquals(
        new int[] {'a' + 3, 259, 0xC3 + 3, 0xA9 + 3, 260, 1}, tokenizer.ids("a<red>é<red>x", 256));
    assertArrayEquals(new int[] {'a' + 3, 259, 1}, tokenizer.ids("a<red>é<red>x", 3));
    assertArrayEquals(new int[] {1}, tokenizer.ids("", 256));
  }

  @Test
  void promptsBecomeTheRecordedEmbeddingsWithZerosBehind(@TempDir Path directory)
      throws IOException {
    GoldenRun run = GoldenRun.open("wan/unipc");
    Path tokenizer = GoldenRun.file("wan/model/tokenizer/tokenizer.json", directory).getParent();
    try (PromptEncoder encoder =
        PromptEncoder.open(
            tokenizer, ComponentFiles.in(GoldenRun.component(FOLDER, directory)), false)) {
      String prompt = run.json().get("settings").get("prompt").textValue();
      String negative = run.json().get("settings").get("negative_prompt").textValue();
      float[] both = NdMemory.floats(encoder.encode(List.of(prompt, negative)));
      int stored = run.floats("prompt_embeds").length;
      int all = PromptEncoder.TOKENS * encoder.width();
      run.check("prompt_embeds", Arrays.copyOf(both, stored));
      run.check("negative_prompt_embeds", Arrays.copyOfRange(both, all, all + stored));
      for (int i = stored; i < all; i++) {
        assertEquals(0f, both[i], "behind the prompt, element " + i);
        assertEquals(0f, both[all + i], "behind the negative prompt, element " + i);
      }
      // Alone or beside a longer one: a prompt's embeddings are its own.
      assertArrayEquals(
          Arrays.copyOfRange(both, all, 2 * all),
          NdMemory.floats(encoder.encode(List.of(negative))),
          1e-5f);
    }
  }

  @Test
  void anEmptyPromptAndATooLongOneAreEncoded(@TempDir Path directory) throws IOException {
    Path tokenizer = GoldenRun.file("wan/model/tokenizer/tokenizer.json", directory).getParent();
    try (PromptEncoder encoder =
        PromptEncoder.open(
            tokenizer, ComponentFiles.in(GoldenRun.component(FOLDER, directory)), false)) {
      float[] out =
          NdMemory.floats(encoder.encode(List.of("", "a cat walks on the grass ".repeat(200))));
      int width = encoder.width();
      int all = PromptEncoder.TOKENS * width;
      assertTrue(out[0] != 0, "the closing token's embedding");
      for (int i = width; i < all; i++) {
        assertEquals(0f, out[i], "behind the closing token, element " + i);
      }
      for (int i = all; i < 2 * all; i++) {
        assertTrue(Float.isFinite(out[i]) && out[i] != 0, "the long prompt's element " + i);
      }
    }
  }

  @Test
  void narrowWeightsGiveWhatTheirWidenedValuesGive(@TempDir Path directory) throws IOException {
    Path folder = GoldenRun.component(FOLDER, directory);
    int[][] ids = {{5, 9, 300, 1}, {7, 1}};
    for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
      Path narrow = copy(folder, directory.resolve(dtype.name()), dtype, dtype);
      Path widened = copy(folder, directory.resolve(dtype + "-widened"), dtype, DType.F32);
      try (T5Encoder a = T5Encoder.open(ComponentFiles.in(narrow), false);
          T5Encoder b = T5Encoder.open(ComponentFiles.in(widened), false)) {
        assertArrayEquals(
            NdMemory.floats(b.encode(ids)), NdMemory.floats(a.encode(ids)), dtype.toString());
      }
    }
  }

  /** The folder with weights rounded to one type and stored as another. */
  private static Path copy(Path folder, Path to, DType rounded, DType stored) throws IOException {
    Files.createDirectories(to);
    Files.copy(folder.resolve("config.json"), to.resolve("config.json"));
    TestWeights.copy(
        folder.resolve("model.safetensors"), to.resolve("model.safetensors"), rounded, stored);
    return to;
  }

  @Test
  void tokensOfAnotherVocabularyAreNamed(@TempDir Path directory) throws IOException {
    try (T5Encoder encoder =
        T5Encoder.open(ComponentFiles.in(GoldenRun.component(FOLDER, directory)), false)) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> encoder.encode(new int[][] {{576}}))
              .getMessage();
      assertTrue(message.contains("token 576") && message.contains("0 to 575"), message);
    }
  }

  @Test
  void configsOfOtherEncodersAreNamed(@TempDir Path directory) throws IOException {
    Path config = GoldenRun.file(FOLDER + "/config.json", directory);
    String text = Files.readString(config);
    Files.writeString(config, text.replace("\"gated-gelu\"", "\"relu\""));
    String message =
        assertThrows(
                MalformedFileException.class,
                () -> T5Config.of(ComponentConfig.read(config.getParent())))
            .getMessage();
    assertTrue(message.contains("feed_forward_proj \"relu\" is not supported"), message);
    assertTrue(message.contains("gated-gelu"), message);
  }
}
