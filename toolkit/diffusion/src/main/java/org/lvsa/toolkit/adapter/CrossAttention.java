// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Attention of video tokens to other tokens, as a block hands it to its adapter. */
@FunctionalInterface
public interface CrossAttention {
  /**
   * Computes attention of queries to the keys of other tokens. All tensors are {@code [1, tokens,
   * heads, headDim]}.
   *
   * @return a tensor of the query's shape
   */
  INDArray attend(INDArray query, INDArray key, INDArray value);
}
