// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.lvsa.toolkit.schedulers.Noise;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a model is told of the prompt and of the negative prompt.
 *
 * @param both {@code [2, tokens, width]}: the prompt, then the negative prompt
 */
public record PromptEmbeddings(INDArray both) implements AutoCloseable {
  private static final long SEED = 3;

  /**
   * Random numbers in place of a text encoder's embeddings, the same at every call.
   *
   * @param tokens of each prompt
   * @param width features of a token
   */
  public static PromptEmbeddings random(int tokens, int width) {
    float[] numbers = Noise.normal(SEED, Math.multiplyExact(2 * tokens, width));
    return new PromptEmbeddings(NdMemory.copy(MemorySegment.ofArray(numbers), 2, tokens, width));
  }

  /** Bytes of {@link #random}. */
  public static long randomBytes(int tokens, int width) {
    return 2L * tokens * width * Float.BYTES;
  }

  /** The embeddings of some branches as a batch: a copy, which the caller frees. */
  public INDArray of(List<DenoisingLoop.Branch> branches) {
    if (branches.size() == 2) {
      return both.dup('c');
    }
    return Guidance.elements(both, branches.getFirst() == DenoisingLoop.Branch.COND ? 0 : 1, 1);
  }

  @Override
  public void close() {
    both.close();
  }
}
