// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.nio.file.Path;
import java.util.Optional;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.text.ByteTokenizer;
import org.lvsa.toolkit.text.PromptTokenizer;
import org.lvsa.toolkit.text.QwenConfig;
import org.lvsa.toolkit.text.QwenTextModel;
import org.lvsa.toolkit.text.T5Encoder;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The two text encoders of HunyuanVideo 1.5: the language model that reads the prompt, and the
 * encoder of bytes that reads the words in quotes.
 */
final class TextEncoders implements AutoCloseable {
  /**
   * Tokens of the conversation before the prompt, which are cut off. The published pipeline cuts
   * this number whatever the tokenizer makes of the conversation.
   */
  private static final int CUT = 108;

  /** Layers of the language model that do not run. */
  private static final int SKIPPED_LAYERS = 2;

  private final Path tokenizerFolder;
  private final PromptTokenizer tokenizer;
  private final QwenTextModel language;
  private final ByteTokenizer byteTokenizer;
  private final T5Encoder bytes;

  private TextEncoders(
      Folders folders, PromptTokenizer tokenizer, QwenTextModel language, T5Encoder bytes) {
    tokenizerFolder = folders.tokenizer();
    this.tokenizer = tokenizer;
    this.language = language;
    byteTokenizer = ByteTokenizer.open(folders.byteTokenizer());
    this.bytes = bytes;
  }

  /**
   * Where the encoders lie.
   *
   * @param tokenizer of the language model
   * @param language the language model
   * @param byteTokenizer of the encoder of bytes
   * @param bytes the encoder of bytes
   */
  record Folders(
      Path tokenizer, ComponentFiles language, Path byteTokenizer, ComponentFiles bytes) {}

  /** Bytes that the language model takes beside its weights for the longest prompt. */
  static long workingBytes(Path language) {
    return QwenConfig.of(ComponentConfig.read(language))
        .workingBytes(TextEmbeddings.TEXT_TOKENS + CUT);
  }

  /** Opens the encoders; weights are mapped. */
  static TextEncoders open(Folders folders, boolean allowUnused) {
    PromptTexts.requireTemplate(folders.tokenizer());
    PromptTokenizer tokenizer =
        PromptTokenizer.open(folders.tokenizer(), TextEmbeddings.TEXT_TOKENS + CUT);
    QwenTextModel language = null;
    T5Encoder bytes = null;
    try {
      language = QwenTextModel.open(folders.language(), allowUnused);
      if (language.config().layers() <= SKIPPED_LAYERS) {
        throw new MalformedFileException(
            folders.language().folder()
                + ": num_hidden_layers must be more than "
                + SKIPPED_LAYERS
                + ", got "
                + language.config().layers());
      }
      bytes = T5Encoder.open(folders.bytes(), allowUnused);
      return new TextEncoders(folders, tokenizer, language, bytes);
    } catch (RuntimeException e) {
      tokenizer.close();
      if (language != null) {
        language.close();
      }
      if (bytes != null) {
        bytes.close();
      }
      throw e;
    }
  }

  /** Features of a state of the language model. */
  int width() {
    return language.config().width();
  }

  /** Features of an embedding of bytes. */
  int glyphWidth() {
    return bytes.config().width();
  }

  /** The numbers of the conversation's tokens, before the cut. */
  int[] ids(String prompt) {
    return tokenizer.ids(PromptTexts.chat(prompt));
  }

  /** Encodes one prompt. */
  TextEmbeddings encode(String prompt) {
    return encode(prompt, Observer.NONE);
  }

  TextEmbeddings encode(String prompt, Observer observer) {
    int[] ids = ids(prompt);
    if (ids.length <= CUT) {
      throw new MalformedFileException(
          tokenizerFolder
              + ": makes "
              + ids.length
              + " tokens of the prompt and what stands around it, of which the first "
              + CUT
              + " are cut off: it is not the model's tokenizer");
    }
    INDArray text;
    try (INDArray states = language.states(ids, SKIPPED_LAYERS, observer)) {
      observer.see("states", states);
      long row = (long) width() * Float.BYTES;
      text = NdMemory.copy(NdMemory.view(states).asSlice(CUT * row), 1, ids.length - CUT, width());
    }
    Optional<INDArray> glyphs =
        PromptTexts.glyphs(prompt)
            .map(words -> byteTokenizer.ids(words, TextEmbeddings.GLYPH_TOKENS))
            .map(tokens -> bytes.encode(new int[][] {tokens}));
    return new TextEmbeddings(text, glyphs);
  }

  @Override
  public void close() {
    tokenizer.close();
    language.close();
    bytes.close();
  }
}
