// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Attention of the role {@code cross}, as a block hands it to its adapter. */
@FunctionalInterface
public interface CrossAttention {
  /**
   * Queries over other tokens' keys; all are heads, {@code [1, tokens, heads, headDim]}.
   *
   * @return as the query
   */
  INDArray attend(INDArray query, INDArray key, INDArray value);
}
