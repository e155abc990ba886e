// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the transformer is told of one prompt: the rows of real tokens alone. Rows of padding, which
 * the published pipeline carries along, hold nothing.
 *
 * @param text states of the language model, {@code [1, tokens, width]}
 * @param glyphs embeddings of the words in quotes, {@code [1, tokens, width]}; empty if there are
 *     none
 */
record TextEmbeddings(INDArray text, Optional<INDArray> glyphs) implements AutoCloseable {
  /** Tokens of the language model's text, with padding. */
  static final int TEXT_TOKENS = 1000;

  /** Tokens of the words in quotes, with padding. */
  static final int GLYPH_TOKENS = 256;

  @Override
  public void close() {
    text.close();
    glyphs.ifPresent(INDArray::close);
  }
}
