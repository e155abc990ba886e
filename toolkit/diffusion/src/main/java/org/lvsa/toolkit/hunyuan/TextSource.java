// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.pipeline.GenerationSettings.Prompts;
import org.lvsa.toolkit.pipeline.ModelFolder.Component;
import org.lvsa.toolkit.schedulers.Noise;
import org.lvsa.toolkit.tensor.NdMemory;

/** Makes embeddings of prompts: a model's text encoders, or random numbers in their place. */
sealed interface TextSource {
  /** Memory that encoding takes: most of it is the encoders' weights. */
  long bytes();

  /** Bytes of the weights of the encoder of that name; empty if there is none. */
  Optional<Long> bytes(String encoder);

  /**
   * Embeddings of the prompt, and of the negative prompt behind it.
   *
   * @param negative whether the negative prompt is needed
   */
  List<TextEmbeddings> encode(Prompts prompts, boolean negative);

  /**
   * A published model's text encoders, read for each call and closed after it: they are larger than
   * the transformer and not needed while that one runs.
   */
  record Encoders(
      Component tokenizer,
      Component language,
      Component byteTokenizer,
      Component bytesEncoder,
      boolean allowUnused)
      implements TextSource {
    @Override
    public long bytes() {
      return language.bytes() + bytesEncoder.bytes() + TextEncoders.workingBytes(language.folder());
    }

    @Override
    public Optional<Long> bytes(String encoder) {
      return switch (encoder) {
        case HunyuanModel.TEXT_ENCODER -> Optional.of(language.bytes());
        case HunyuanModel.TEXT_ENCODER_2 -> Optional.of(bytesEncoder.bytes());
        default -> Optional.empty();
      };
    }

    TextEncoders open() {
      return TextEncoders.open(
          new TextEncoders.Folders(
              tokenizer.folder(), language.files(), byteTokenizer.folder(), bytesEncoder.files()),
          allowUnused);
    }

    @Override
    public List<TextEmbeddings> encode(Prompts prompts, boolean negative) {
      try (TextEncoders encoders = open()) {
        TextEmbeddings prompt = encoders.encode(prompts.prompt());
        return negative ? List.of(prompt, encoders.encode(prompts.negative())) : List.of(prompt);
      }
    }
  }

  /**
   * Random embeddings of a typical number of tokens, whatever the prompt says.
   *
   * @param width features of a state of the language model
   */
  record RandomNumbers(int width) implements TextSource {
    private static final int TOKENS = 120;
    private static final long SEED = 3;

    @Override
    public long bytes() {
      return 2L * TOKENS * width * Float.BYTES;
    }

    @Override
    public Optional<Long> bytes(String encoder) {
      return Optional.empty();
    }

    @Override
    public List<TextEmbeddings> encode(Prompts prompts, boolean negative) {
      TextEmbeddings prompt = random(SEED);
      return negative ? List.of(prompt, random(SEED + 1)) : List.of(prompt);
    }

    private TextEmbeddings random(long seed) {
      float[] numbers = Noise.normal(seed, TOKENS * width);
      return new TextEmbeddings(
          NdMemory.copy(MemorySegment.ofArray(numbers), 1, TOKENS, width), Optional.empty());
    }
  }
}
