// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.text.PromptTokenizer;
import org.lvsa.toolkit.text.T5Encoder;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * From prompts to the embeddings that CogVideoX's transformer takes: T5 without a mask, so that the
 * padding behind a prompt is text like any other. Prompts are not cleaned.
 */
final class TextEncoder implements AutoCloseable {
  /** The token that fills a prompt up, as T5 has it. */
  private static final int PADDING = 0;

  private final PromptTokenizer tokenizer;
  private final T5Encoder encoder;
  private final int tokens;

  private TextEncoder(PromptTokenizer tokenizer, T5Encoder encoder, int tokens) {
    this.tokenizer = tokenizer;
    this.encoder = encoder;
    this.tokens = tokens;
  }

  /**
   * Opens the two components of a published model.
   *
   * @param tokenizer the folder {@code tokenizer}
   * @param textEncoder the text encoder
   * @param tokens of every prompt: longer ones are cut, shorter ones are filled up
   * @param allowUnused whether the encoder's weights may hold tensors that are not needed
   */
  static TextEncoder open(
      Path tokenizer, ComponentFiles textEncoder, int tokens, boolean allowUnused) {
    PromptTokenizer opened = PromptTokenizer.open(tokenizer, tokens);
    try {
      return new TextEncoder(opened, T5Encoder.open(textEncoder, allowUnused), tokens);
    } catch (RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /** Features of an embedding. */
  int width() {
    return encoder.config().width();
  }

  /** The numbers of a prompt's tokens, filled up. */
  private int[] ids(String prompt) {
    int[] ids = tokenizer.ids(prompt);
    int[] filled = Arrays.copyOf(ids, tokens);
    Arrays.fill(filled, Math.min(ids.length, tokens), tokens, PADDING);
    return filled;
  }

  /**
   * Encodes prompts.
   *
   * @return {@code [prompts, tokens, width]}, float32
   */
  INDArray encode(List<String> prompts) {
    int[][] ids = prompts.stream().map(this::ids).toArray(int[][]::new);
    int[] lengths = new int[ids.length];
    Arrays.fill(lengths, tokens);
    return encoder.encode(ids, lengths, Observer.NONE);
  }

  @Override
  public void close() {
    tokenizer.close();
    encoder.close();
  }
}
