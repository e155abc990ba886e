// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.MalformedFileException;

/** Prompts against the published pipeline's recorded cleaning and tokens. */
class PromptTest {
  @Test
  void promptsAreCleanedAsThePipelineWithoutFtfyDoes() throws IOException {
    JsonNode rows = GoldenRun.open("wan/text").json().get("tokenization");
    assertTrue(rows.size() > 20);
    for (JsonNode row : rows) {
      String raw = row.get("raw").textValue();
      assertEquals(row.get("cleaned_without_ftfy").textValue(), PromptCleaning.clean(raw), raw);
    }
  }

  /** What Python's html.unescape gives, of the rules that the recorded prompts do not reach. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "&#65;&#x42;&#X43|ABC",
        "&#38;amp;|&amp;",
        "a&#0;b|a\ufffdb",
        "a&#1;b|ab",
        "a&#xFFFF;b|ab",
        "a&#128;b|a\u20acb",
        "a&#x81;b|a\u0081b",
        "a&#xD800;b|a\ufffdb",
        "a&#1114112;b|a\ufffdb",
        "a&#99999999999999999999;b|a\ufffdb",
        "a&#00000000000000000000065;b|aAb",
        "&#128512;|\ud83d\ude00",
        "&copy 1|\u00a9 1",
        "&notanentity;|\u00acanentity;",
        "&#;&#x;&|&#;&#x;&",
        "&am&#112;p;|&ampp;",
      })
  void entitiesFollowHtml5(String escaped, String text) {
    assertEquals(text, PromptCleaning.unescape(escaped));
  }

  @Test
  void tokensAreExactlyTheRecordedOnes(@TempDir Path directory) throws IOException {
    JsonNode rows = GoldenRun.open("wan/text").json().get("tokenization");
    Path file = GoldenRun.file("wan/model/tokenizer/tokenizer.json", directory);
    try (PromptTokenizer whole = PromptTokenizer.open(file.getParent(), 512);
        PromptTokenizer uncut = PromptTokenizer.open(file.getParent(), 4096);
        PromptTokenizer short12 = PromptTokenizer.open(file.getParent(), 12)) {
      for (JsonNode row : rows) {
        String raw = row.get("raw").textValue();
        // The recorded tokens are those of the text that ftfy has repaired too.
        String cleaned = row.get("cleaned").textValue();
        assertArrayEquals(ints(row.get("ids")), whole.ids(cleaned), raw);
        assertArrayEquals(ints(row.get("ids_of_uncleaned_text")), uncut.ids(raw), raw);
        int[] first = ints(row.get("ids_max12"));
        int length = 0;
        for (JsonNode mask : row.get("mask_max12")) {
          length += mask.intValue();
        }
        assertArrayEquals(Arrays.copyOf(first, length), short12.ids(cleaned), raw + ", 12 tokens");
      }
    }
  }

  @Test
  void anEmptyPromptIsTheClosingToken(@TempDir Path directory) throws IOException {
    Path file = GoldenRun.file("wan/model/tokenizer/tokenizer.json", directory);
    try (PromptTokenizer tokenizer = PromptTokenizer.open(file.getParent(), 512)) {
      assertArrayEquals(new int[] {1}, tokenizer.ids(""));
    }
  }

  @Test
  void aLongPromptKeepsItsClosingToken(@TempDir Path directory) throws IOException {
    Path file = GoldenRun.file("wan/model/tokenizer/tokenizer.json", directory);
    try (PromptTokenizer tokenizer = PromptTokenizer.open(file.getParent(), 512)) {
      int[] ids = tokenizer.ids("walks on the grass ".repeat(500));
      assertEquals(512, ids.length);
      assertEquals(1, ids[511]);
    }
  }

  @Test
  void aFolderWithoutTokenizerIsNamed(@TempDir Path directory) throws IOException {
    String message =
        assertThrows(
                MalformedFileException.class, () -> PromptTokenizer.open(directory, 512).close())
            .getMessage();
    assertTrue(message.contains("tokenizer.json: no such file"), message);

    Files.writeString(directory.resolve("spiece.model"), "x");
    message =
        assertThrows(
                MalformedFileException.class, () -> PromptTokenizer.open(directory, 512).close())
            .getMessage();
    assertTrue(message.contains("spiece.model alone"), message);

    Files.writeString(directory.resolve("tokenizer.json"), "{");
    message =
        assertThrows(
                MalformedFileException.class, () -> PromptTokenizer.open(directory, 512).close())
            .getMessage();
    assertTrue(message.contains("tokenizer.json: cannot be read"), message);
  }

  private static int[] ints(JsonNode array) {
    return new ObjectMapper().convertValue(array, int[].class);
  }
}
