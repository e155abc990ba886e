// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The attention tensors of one block, and the layers that use them. Tokens are {@code [tokens,
 * features]}, heads are {@code [1, tokens, heads, headDim]}.
 *
 * @param shape the block's sizes
 * @param tensors float32 tensors by their name after the block's prefix: {@code attn1.to_q.weight}
 */
public record BlockWeights(BlockShape shape, Map<String, INDArray> tensors) {

  /** A tensor by its name. */
  public INDArray tensor(String name) {
    return tensors.get(name);
  }

  /** A linear layer: {@code x · weightᵀ + bias}. */
  public INDArray linear(String name, INDArray x) {
    return Layers.linear(x, tensor(name + ".weight"), tensor(name + ".bias"));
  }

  /** RMS norm over as many features as the weight has: those of a token, or those of a head. */
  public INDArray rms(String name, INDArray x) {
    return Layers.rms(x, tensor(name + ".weight"));
  }

  /** Layer norm over as many features as the weight has. */
  public INDArray layerNorm(String name, INDArray x) {
    return Layers.layerNorm(x, tensor(name + ".weight"), tensor(name + ".bias"));
  }

  /** Splits the features of each token into heads. */
  public INDArray heads(INDArray x) {
    return x.dup('c').reshape('c', 1, x.size(0), x.size(1) / shape.headDim(), shape.headDim());
  }

  /** Joins the heads of each token to its features. */
  public INDArray features(INDArray heads) {
    return heads.reshape('c', heads.size(1), heads.size(2) * heads.size(3));
  }
}
