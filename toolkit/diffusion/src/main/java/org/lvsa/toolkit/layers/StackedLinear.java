// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Layers of the same input as one, such as query, key and value of an attention: one parameter
 * whose rows are theirs, one after the other. A table of names says of which tensors it is made
 * ({@link org.lvsa.toolkit.weights.Renaming.Stack}), whether a file stores them apart or as a
 * whole; they stay where they are mapped, each as it is stored. {@link WeightShare#stacked} makes
 * such a layer, of the features that are a rank's.
 *
 * <p>Each part's product goes straight to its own tensor. One product of all rows gives them side
 * by side in each token instead, and what it saves is less than taking them apart costs: on two
 * processors it was 8 to 32 % slower from 1,560 tokens of 1,536 features, and no faster with 64.
 *
 * @param parts in the order of their rows
 */
public record StackedLinear(List<Linear> parts) {
  /** The list is copied. */
  public StackedLinear {
    parts = List.copyOf(parts);
  }

  /**
   * Applies the layer to tokens.
   *
   * @param x {@code [batch, tokens, width]}
   * @param headDim features of a head
   * @return for each part {@code [batch, tokens, heads, headDim]}, new tensors
   */
  public List<INDArray> heads(INDArray x, int headDim) {
    return parts.stream()
        .map(
            part -> part.apply(x, new long[] {x.size(0), x.size(1), part.out() / headDim, headDim}))
        .toList();
  }
}
