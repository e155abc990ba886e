// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * The {@code tokenizer.json} of a Qwen2 tokenizer that is published in the older form: a {@code
 * vocab.json}, the merges of its byte pairs in {@code merges.txt}, and its special tokens in {@code
 * tokenizer_config.json}. How text is cut before the merges is the same for all Qwen2 tokenizers.
 */
final class QwenTokenizerFile {
  /** Contractions, words with a sign before them, single digits, signs, line breaks, blanks. */
  private static final String PIECES =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final String VOCABULARY = "vocab.json";
  private static final String MERGES = "merges.txt";
  private static final String CONFIG = "tokenizer_config.json";

  private QwenTokenizerFile() {}

  /** Whether a folder holds a Qwen2 tokenizer in the older form. */
  static boolean isIn(Path folder) {
    return Files.isRegularFile(folder.resolve(VOCABULARY))
        && Files.isRegularFile(folder.resolve(MERGES))
        && Files.isRegularFile(folder.resolve(CONFIG))
        && Json.read(folder.resolve(CONFIG))
            .path("tokenizer_class")
            .asText()
            .startsWith("Qwen2Tokenizer");
  }

  /**
   * The content that {@code tokenizer.json} would have.
   *
   * @throws MalformedFileException if a file is malformed
   */
  static ObjectNode of(Path folder) {
    ObjectNode root = Json.object();
    root.put("version", "1.0");
    addSpecialTokens(folder.resolve(CONFIG), root.putArray("added_tokens"));
    root.putObject("normalizer").put("type", "NFC");
    ObjectNode cut = root.putObject("pre_tokenizer").put("type", "Sequence");
    ArrayNode steps = cut.putArray("pretokenizers");
    ObjectNode split = steps.addObject().put("type", "Split").put("behavior", "Isolated");
    split.put("invert", false).putObject("pattern").put("Regex", PIECES);
    steps
        .addObject()
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", false);
    ObjectNode model = root.putObject("model").put("type", "BPE");
    model.set("vocab", Json.read(folder.resolve(VOCABULARY)));
    ArrayNode merges = model.putArray("merges");
    lines(folder.resolve(MERGES)).stream()
        .filter(line -> !line.startsWith("#version") && !line.isBlank())
        .forEach(merges::add);
    return root;
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      throw new MalformedFileException(file + ": " + Messages.reason(e));
    }
  }

  private static void addSpecialTokens(Path config, ArrayNode tokens) {
    for (Map.Entry<String, JsonNode> entry :
        Json.read(config).path("added_tokens_decoder").properties()) {
      if (!entry.getKey().matches("\\d{1,9}") || !entry.getValue().path("content").isTextual()) {
        throw new MalformedFileException(
            config
                + ": added_tokens_decoder must have a number and a word's content each, got "
                + Messages.cut(entry));
      }
      ObjectNode token = tokens.addObject().put("id", Integer.parseInt(entry.getKey()));
      for (String flag :
          new String[] {"single_word", "lstrip", "rstrip", "normalized", "special"}) {
        token.put(flag, entry.getValue().path(flag).asBoolean(false));
      }
      token.put("content", entry.getValue().get("content").textValue());
    }
  }
}
