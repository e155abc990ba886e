// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import org.lvsa.toolkit.layers.Activation;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.LayerNorm;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.SoftmaxAttention;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A layer of the image encoders CLIP and SigLIP: attention among a picture's tokens, then two
 * linear layers, each behind a norm and added to what came in.
 */
record VisionLayer(
    int heads,
    Activation activation,
    LayerNorm norm1,
    Linear query,
    Linear key,
    Linear value,
    Linear out,
    LayerNorm norm2,
    Linear up,
    Linear down) {
  /**
   * The layer of a number.
   *
   * @param eps added to the variance in its norms
   */
  static VisionLayer of(Weights weights, int layer, int heads, Activation activation, double eps) {
    String at = prefix(layer);
    return new VisionLayer(
        heads,
        activation,
        LayerNorm.of(weights, at + "layer_norm1", eps),
        Linear.of(weights, at + "self_attn.q_proj"),
        Linear.of(weights, at + "self_attn.k_proj"),
        Linear.of(weights, at + "self_attn.v_proj"),
        Linear.of(weights, at + "self_attn.out_proj"),
        LayerNorm.of(weights, at + "layer_norm2", eps),
        Linear.of(weights, at + "mlp.fc1"),
        Linear.of(weights, at + "mlp.fc2"));
  }

  /**
   * Names the tensors of a layer, as transformers does.
   *
   * @param inner features inside the feed-forward part
   */
  static void addTensors(TensorShapes shapes, int layer, int width, int inner) {
    String at = prefix(layer);
    LayerNorm.addTensors(shapes, at + "layer_norm1", width);
    for (String projection : new String[] {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      shapes.addLinear(at + "self_attn." + projection, width, width);
    }
    LayerNorm.addTensors(shapes, at + "layer_norm2", width);
    shapes.addLinear(at + "mlp.fc1", inner, width);
    shapes.addLinear(at + "mlp.fc2", width, inner);
  }

  private static String prefix(int layer) {
    return "encoder.layers." + layer + ".";
  }

  /** Changes {@code hidden}, {@code [1, tokens, width]}, in place. */
  void apply(INDArray hidden) {
    long[] shape = {1, hidden.size(1), heads, hidden.size(2) / heads};
    try (INDArray normed = norm1.apply(hidden);
        INDArray q = query.apply(normed, shape);
        INDArray k = key.apply(normed, shape);
        INDArray v = value.apply(normed, shape);
        INDArray attended = SoftmaxAttention.attend(q, k, v);
        INDArray projected = out.apply(attended, hidden.shape())) {
      Elementwise.add(hidden, projected);
    }
    try (INDArray normed = norm2.apply(hidden);
        INDArray inner = up.apply(normed)) {
      activation.apply(inner);
      try (INDArray dense = down.apply(inner)) {
        Elementwise.add(hidden, dense);
      }
    }
  }
}
