// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a model is told of the prompt and of the negative prompt.
 *
 * @param both {@code [2, tokens, width]}: the prompt, then the negative prompt
 */
public record PromptEmbeddings(INDArray both) implements AutoCloseable {
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
