// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.LongStream;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * Cuts a prompt into tokens as the {@code tokenizer.json} of a model says, by Hugging Face's own
 * tokenizers (through the Deep Java Library). Nothing is downloaded and no usage is reported: the
 * library's switch for working offline is set before it is loaded.
 */
public final class PromptTokenizer implements AutoCloseable {
  private final HuggingFaceTokenizer tokenizer;

  private PromptTokenizer(HuggingFaceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /**
   * Reads a tokenizer's folder.
   *
   * @param folder with {@code tokenizer.json}, or with a Qwen2 tokenizer's {@code vocab.json} and
   *     {@code merges.txt}
   * @param maxTokens longest list of tokens, the closing one included; longer prompts are cut
   * @throws MalformedFileException if the file is missing or is no tokenizer
   */
  public static PromptTokenizer open(Path folder, int maxTokens) {
    Path file = folder.resolve("tokenizer.json");
    boolean older = !Files.isRegularFile(file) && QwenTokenizerFile.isIn(folder);
    if (!older && !Files.isRegularFile(file)) {
      throw new MalformedFileException(
          Files.exists(folder.resolve("spiece.model"))
              ? folder
                  + ": has spiece.model alone, which is not read; make tokenizer.json of it once,"
                  + " in Python: transformers.AutoTokenizer.from_pretrained(\""
                  + folder
                  + "\").save_pretrained(\""
                  + folder
                  + "\")"
              : file + ": no such file");
    }
    // The library reports its use over the network unless it is told to stay offline.
    if (System.getProperty("ai.djl.offline") == null) {
      System.setProperty("ai.djl.offline", "true");
    }
    Map<String, String> options =
        Map.of(
            "truncation",
            "true",
            "padding",
            "false",
            "maxLength",
            Integer.toString(maxTokens),
            "modelMaxLength",
            Integer.toString(maxTokens));
    try {
      return new PromptTokenizer(
          older
              ? HuggingFaceTokenizer.newInstance(
                  new ByteArrayInputStream(
                      QwenTokenizerFile.of(folder).toString().getBytes(StandardCharsets.UTF_8)),
                  options)
              : HuggingFaceTokenizer.newInstance(file, options));
    } catch (MalformedFileException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new MalformedFileException(file + ": cannot be read: " + Messages.cut(e.getMessage()));
    }
  }

  /** The numbers of a prompt's tokens, the closing token last. An empty prompt is that one. */
  public int[] ids(String prompt) {
    return LongStream.of(tokenizer.encode(prompt).getIds()).mapToInt(Math::toIntExact).toArray();
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
