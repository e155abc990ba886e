// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.List;
import org.lvsa.toolkit.layers.StackedLinear;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The layer that makes query, key and value of the same tokens. Of several ranks that divide it,
 * each makes those of its own heads.
 *
 * @param stacked three parts: query, key and value
 * @param headDim features of a head
 */
public record QkvLayer(StackedLinear stacked, int headDim) {
  /**
   * Applies the layer.
   *
   * @param x {@code [batch, tokens, width]}
   * @return new tensors
   */
  public Qkv apply(INDArray x) {
    List<INDArray> parts = stacked.heads(x, headDim);
    return new Qkv(parts.get(0), parts.get(1), parts.get(2));
  }
}
