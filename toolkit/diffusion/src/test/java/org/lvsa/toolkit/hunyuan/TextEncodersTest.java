// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.text.PromptTokenizer;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What HunyuanVideo 1.5's text encoders are told, and what they make of it, as recorded. */
class TextEncodersTest {
  @TempDir private static Path directory;
  private static Path model;
  private static GoldenRun run;

  @BeforeAll
  static void unpack() throws IOException {
    run = GoldenRun.open("hunyuan15/t2v");
    model = TinyHunyuan.unpack(directory);
  }

  @Test
  void theConversationAndTheWordsInQuotesAreTheRecordedOnes() {
    JsonNode json = run.json();
    assertEquals(
        json.get("chat_text").get(0).textValue(),
        PromptTexts.chat(json.get("settings").get("prompt").textValue()));
    assertTrue(PromptTexts.chat("").contains("<|im_start|>user\n <|im_end|>"));
    for (JsonNode row : json.get("glyph_extraction")) {
      assertEquals(
          row.get("glyph").textValue(),
          PromptTexts.glyphs(row.get("prompt").textValue()).orElse(null),
          row.get("prompt").textValue());
    }
  }

  @ParameterizedTest
  @CsvSource({"prompt,prompt", "negative,negative_prompt"})
  void statesOfTheLanguageModelEqualTheRecordedOnes(String name, String setting) {
    String prompt = run.json().get("settings").get(setting).textValue();
    String prefix = "qwen." + name + ".";
    Map<String, Double> differences = new TreeMap<>();
    try (TextEncoders encoders = TinyHunyuan.encoders(model)) {
      assertArrayEquals(run.ints(prefix + "ids"), encoders.ids(prompt));
      TextEmbeddings embeddings =
          encoders.encode(
              prompt,
              (stage, value) -> {
                String recorded =
                    Map.of("layer0", "hidden_layer0_out", "states", "hidden_minus3").get(stage);
                if (recorded != null) {
                  float[] floats = NdMemory.floats(value.get());
                  differences.put(recorded, run.check(prefix + recorded, floats));
                }
              });
      assertEquals(2, differences.size());
      float[] all = run.floats(prefix + "hidden_minus3");
      float[] behindTheCut = Arrays.copyOfRange(all, 108 * encoders.width(), all.length);
      assertArrayEquals(behindTheCut, NdMemory.floats(embeddings.text()), 1e-3f);
      assertEquals(name.equals("prompt"), embeddings.glyphs().isPresent());
    }
    System.out.println("rms-relative differences, language model: " + differences);
  }

  /** A folder without tokenizer.json, as older programs write it. */
  @Test
  void vocabularyAndMergesGiveTheRecordedTokens(@TempDir Path folder) throws IOException {
    String tokenizer = "hunyuan15/model/tokenizer/";
    Path file = GoldenRun.file(tokenizer + "vocab.json", folder);
    GoldenRun.file(tokenizer + "tokenizer_config.json", folder);
    assertThrows(MalformedFileException.class, () -> PromptTokenizer.open(file.getParent(), 1108));
    GoldenRun.file(tokenizer + "merges.txt", folder);
    try (PromptTokenizer older = PromptTokenizer.open(file.getParent(), 1108);
        PromptTokenizer newer = PromptTokenizer.open(model.resolve("tokenizer"), 1108)) {
      String prompt = run.json().get("settings").get("prompt").textValue();
      assertArrayEquals(run.ints("qwen.prompt.ids"), older.ids(PromptTexts.chat(prompt)));
      String mixed = "It's 2026:  U\u0308nicode …\n\n\t<|im_end|> nai\u0308ve 'LL done ";
      assertArrayEquals(newer.ids(mixed), older.ids(mixed));
    }
  }

  @Test
  void longPromptsAreCut() {
    try (TextEncoders encoders = TinyHunyuan.encoders(model);
        TextEmbeddings embeddings =
            encoders.encode("\"" + "a cat walks on the grass ".repeat(200) + "\"")) {
      INDArray glyphs = embeddings.glyphs().orElseThrow();
      assertEquals(TextEmbeddings.TEXT_TOKENS, embeddings.text().size(1));
      assertEquals(TextEmbeddings.GLYPH_TOKENS, glyphs.size(1));
      assertTrue(Float.isFinite(embeddings.text().sumNumber().floatValue()));
    }
  }
}
