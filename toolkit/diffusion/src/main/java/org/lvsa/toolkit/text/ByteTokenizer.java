// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * The tokenizer of ByT5 (Xue et al. 2022): each byte of the text in UTF-8 is a token, its number
 * three above the byte's value, and a closing token stands last. Words that a model has added, such
 * as names of fonts, are one token each wherever they stand in a text.
 */
public final class ByteTokenizer {
  /** Numbers below are padding, the closing token and the unknown one. */
  private static final int FIRST_BYTE = 3;

  private static final int CLOSING = 1;
  private static final String FILE = "tokenizer_config.json";

  private final Map<String, Integer> added;
  private final Pattern words;

  private ByteTokenizer(Map<String, Integer> added) {
    this.added = added;
    // The longest first, where one begins with another.
    words =
        Pattern.compile(
            added.keySet().stream()
                .sorted(Comparator.comparingInt(String::length).reversed())
                .map(Pattern::quote)
                .collect(Collectors.joining("|")));
  }

  /**
   * Reads the added words of a tokenizer's folder.
   *
   * @param folder with {@code tokenizer_config.json}, whose {@code added_tokens_decoder} has them
   * @throws MalformedFileException if the file is missing or a word is malformed
   */
  public static ByteTokenizer open(Path folder) {
    Path file = folder.resolve(FILE);
    Map<String, Integer> added = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry :
        Json.read(file).path("added_tokens_decoder").properties()) {
      String word = entry.getValue().path("content").asText("");
      if (word.isEmpty() || !entry.getKey().matches("\\d{1,9}")) {
        throw new MalformedFileException(
            file
                + ": added_tokens_decoder must have a number and a word's content each, got "
                + Messages.cut(entry.toString()));
      }
      added.put(word, Integer.parseInt(entry.getKey()));
    }
    return new ByteTokenizer(added);
  }

  /**
   * The numbers of a text's tokens.
   *
   * @param maxTokens longest list, the closing token included; longer texts are cut
   */
  public int[] ids(String text, int maxTokens) {
    IntStream.Builder ids = IntStream.builder();
    int from = 0;
    Matcher word = words.matcher(text);
    while (!added.isEmpty() && word.find()) {
      bytes(text.substring(from, word.start()), ids);
      ids.add(added.get(word.group()));
      from = word.end();
    }
    bytes(text.substring(from), ids);
    int[] all = ids.build().toArray();
    int[] cut = Arrays.copyOf(all, Math.min(all.length, maxTokens - 1) + 1);
    cut[cut.length - 1] = CLOSING;
    return cut;
  }

  private static void bytes(String text, IntStream.Builder ids) {
    for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
      ids.add((value & 0xFF) + FIRST_BYTE);
    }
  }
}
