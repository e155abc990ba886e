// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.util.List;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.PromptEmbeddings;

/** Makes embeddings of prompts: a model's text encoder, or random numbers in its place. */
sealed interface PromptSource {
  /** Memory that encoding takes: most of it is the encoder's weights. */
  long bytes();

  /** Embeddings of the prompt and of the negative prompt. */
  PromptEmbeddings encode(GenerationSettings.Prompts prompts);

  /**
   * A published model's text encoder, read for each call and closed after it, since it is not
   * needed while the transformer runs.
   *
   * @param tokens of every prompt
   */
  record Encoder(
      ModelFolder.Component tokenizer,
      ModelFolder.Component textEncoder,
      int tokens,
      boolean allowUnused)
      implements PromptSource {
    @Override
    public long bytes() {
      return textEncoder.bytes();
    }

    TextEncoder open() {
      return TextEncoder.open(tokenizer.folder(), textEncoder.files(), tokens, allowUnused);
    }

    @Override
    public PromptEmbeddings encode(GenerationSettings.Prompts prompts) {
      try (TextEncoder encoder = open()) {
        return new PromptEmbeddings(encoder.encode(List.of(prompts.prompt(), prompts.negative())));
      }
    }
  }

  /**
   * Random embeddings, whatever the prompt says.
   *
   * @param text how many there are and how wide they are
   */
  record RandomNumbers(CogVideoXConfig.Text text) implements PromptSource {
    @Override
    public long bytes() {
      return PromptEmbeddings.randomBytes(text.tokens(), text.width());
    }

    @Override
    public PromptEmbeddings encode(GenerationSettings.Prompts prompts) {
      return PromptEmbeddings.random(text.tokens(), text.width());
    }
  }
}
