// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.text;

import java.nio.file.Path;
import java.util.List;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** From prompts to the embeddings that Wan's transformer attends to. */
public final class PromptEncoder implements AutoCloseable {
  /** Rows of a prompt's embeddings, whatever the prompt's length, as Wan was trained. */
  public static final int TOKENS = 512;

  private final PromptTokenizer tokenizer;
  private final T5Encoder encoder;

  private PromptEncoder(PromptTokenizer tokenizer, T5Encoder encoder) {
    this.tokenizer = tokenizer;
    this.encoder = encoder;
  }

  /**
   * Opens the two components of a published model.
   *
   * @param tokenizer the folder {@code tokenizer}
   * @param textEncoder the text encoder
   * @param allowUnused whether the encoder's weights may hold tensors that are not needed
   */
  public static PromptEncoder open(
      Path tokenizer, ComponentFiles textEncoder, boolean allowUnused) {
    PromptTokenizer opened = PromptTokenizer.open(tokenizer, TOKENS);
    try {
      return new PromptEncoder(opened, T5Encoder.open(textEncoder, allowUnused));
    } catch (RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /** Features of an embedding. */
  public int width() {
    return encoder.config().width();
  }

  /** The numbers of a prompt's tokens after cleaning: at most {@link #TOKENS}, the end last. */
  public int[] ids(String prompt) {
    return tokenizer.ids(PromptCleaning.clean(prompt));
  }

  /**
   * Encodes prompts as Wan's pipeline does: the prompt is cleaned and cut after {@link #TOKENS}
   * tokens; the rows behind the prompt's tokens are zeros.
   *
   * @return {@code [prompts, 512, width]}, float32
   */
  public INDArray encode(List<String> prompts) {
    int[][] ids = prompts.stream().map(this::ids).toArray(int[][]::new);
    INDArray out = Nd4j.zeros(DataType.FLOAT, prompts.size(), TOKENS, width());
    // Tokens do not attend to the padding, so it need not pass through the encoder.
    try (INDArray encoded = encoder.encode(ids)) {
      long row = (long) width() * Float.BYTES;
      long rows = encoded.size(1);
      for (int prompt = 0; prompt < ids.length; prompt++) {
        NdMemory.view(out)
            .asSlice(prompt * TOKENS * row, rows * row)
            .copyFrom(NdMemory.view(encoded).asSlice(prompt * rows * row, rows * row));
      }
    }
    return out;
  }

  @Override
  public void close() {
    tokenizer.close();
    encoder.close();
  }
}
