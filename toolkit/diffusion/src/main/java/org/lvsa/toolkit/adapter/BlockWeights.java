// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A block's sizes and its attention tensors, and the layers that they make. Tokens are {@code
 * [tokens, features]}, heads {@code [1, tokens, heads, headDim]}.
 *
 * @param shape sizes
 * @param tensors float32, by name after the block's prefix: {@code attn1.to_q.weight}
 */
public record BlockWeights(BlockShape shape, Map<String, INDArray> tensors) {

  /** One tensor. */
  public INDArray tensor(String name) {
    return tensors.get(name);
  }

  /** {@code x · weightᵀ + bias}. */
  public INDArray linear(String name, INDArray x) {
    return Layers.linear(x, tensor(name + ".weight"), tensor(name + ".bias"));
  }

  /** RMS norm over all features that the weight spans: a token's, or a head's. */
  public INDArray rms(String name, INDArray x) {
    return Layers.rms(x, tensor(name + ".weight"));
  }

  /** Layer norm, likewise. */
  public INDArray layerNorm(String name, INDArray x) {
    return Layers.layerNorm(x, tensor(name + ".weight"), tensor(name + ".bias"));
  }

  /** A token's features as heads. */
  public INDArray heads(INDArray x) {
    return x.dup('c').reshape('c', 1, x.size(0), x.size(1) / shape.headDim(), shape.headDim());
  }

  /** Heads as a token's features. */
  public INDArray features(INDArray heads) {
    return heads.reshape('c', heads.size(1), heads.size(2) * heads.size(3));
  }
}
