// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.List;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.PromptEmbeddings;
import org.lvsa.toolkit.text.PromptEncoder;

/** Makes embeddings of prompts: a model's text encoder, or random numbers in its place. */
sealed interface PromptSource {
  /** Memory that encoding takes: most of it is the encoder's weights. */
  long bytes();

  /** Embeddings of the prompt and of the negative prompt. */
  PromptEmbeddings encode(GenerationSettings.Prompts prompts);

  /**
   * A published model's text encoder, read for each call and closed after it: it is larger than the
   * transformer and not needed while that one runs.
   */
  record Encoder(
      ModelFolder.Component tokenizer, ModelFolder.Component textEncoder, boolean allowUnused)
      implements PromptSource {
    @Override
    public long bytes() {
      return textEncoder.bytes();
    }

    PromptEncoder open() {
      return PromptEncoder.open(tokenizer.folder(), textEncoder.files(), allowUnused);
    }

    @Override
    public PromptEmbeddings encode(GenerationSettings.Prompts prompts) {
      try (PromptEncoder encoder = open()) {
        return new PromptEmbeddings(encoder.encode(List.of(prompts.prompt(), prompts.negative())));
      }
    }
  }

  /**
   * Random embeddings, whatever the prompt says.
   *
   * @param width features of an embedding
   */
  record RandomNumbers(int width) implements PromptSource {
    @Override
    public long bytes() {
      return PromptEmbeddings.randomBytes(PromptEncoder.TOKENS, width);
    }

    @Override
    public PromptEmbeddings encode(GenerationSettings.Prompts prompts) {
      return PromptEmbeddings.random(PromptEncoder.TOKENS, width);
    }
  }
}
