// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/** What the two text encoders of HunyuanVideo 1.5 read of a prompt. */
final class PromptTexts {
  /** What stands between the points of the system message, as the model was trained. */
  private static final String GAP = " ".repeat(9);

  private static final String SYSTEM =
      String.join(
          GAP,
          "You are a helpful assistant. Describe the video by detailing the following aspects:",
          "1. The main content and theme of the video.",
          "2. The color, shape, size, texture, quantity, text, and spatial relationships of the"
              + " objects.",
          "3. Actions, events, behaviors temporal relationships, physical movement changes of the"
              + " objects.",
          "4. background environment, light, style and atmosphere.",
          "5. camera angles, movements, and transitions used in the video.");

  /** What a turn of the conversation begins with. */
  private static final String BEGIN = "<|im_start|>";

  /** Text between straight or between curly quotes, on one line. */
  private static final Pattern QUOTED =
      Pattern.compile("\"(.*?)\"|\u201C(.*?)\u201D", Pattern.UNIX_LINES);

  private PromptTexts() {}

  /**
   * The conversation that the language model reads: a fixed request to describe the video, then the
   * prompt, then the beginning of an answer.
   */
  static String chat(String prompt) {
    return turn("system", SYSTEM)
        + turn("user", prompt.isEmpty() ? " " : prompt)
        + BEGIN
        + "assistant\n";
  }

  /**
   * Refuses a tokenizer with a template for conversations that writes other ones than {@link
   * #chat}.
   *
   * @param tokenizer its folder
   * @throws MalformedFileException if its template has no such turns
   */
  static void requireTemplate(Path tokenizer) {
    Path file = tokenizer.resolve("tokenizer_config.json");
    if (!Files.isRegularFile(file)) {
      return;
    }
    JsonNode template = Json.read(file).path("chat_template");
    if (!template.isMissingNode() && !template.isNull() && !template.toString().contains(BEGIN)) {
      throw new MalformedFileException(
          file
              + ": chat_template must begin turns with "
              + BEGIN
              + ", got "
              + Messages.cut(template.toString()));
    }
  }

  private static String turn(String role, String content) {
    return BEGIN + role + "\n" + content + "<|im_end|>\n";
  }

  /**
   * The words that are to be seen in the video, which are those in quotes; each once, in their
   * order.
   *
   * @return what the encoder of bytes reads; empty if nothing is in quotes
   */
  static Optional<String> glyphs(String prompt) {
    Set<String> quoted = new LinkedHashSet<>();
    Matcher matcher = QUOTED.matcher(prompt);
    while (matcher.find()) {
      quoted.add(matcher.group(1) != null ? matcher.group(1) : matcher.group(2));
    }
    if (quoted.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        quoted.stream().map(text -> "Text \"" + text + "\". ").collect(Collectors.joining()));
  }
}
