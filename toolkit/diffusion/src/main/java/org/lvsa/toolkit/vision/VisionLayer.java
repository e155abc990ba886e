// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vision;

import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.QkvLayer;
import org.lvsa.toolkit.layers.Activation;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.LayerNorm;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.SoftmaxAttention;
import org.lvsa.toolkit.layers.StackedLinear;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.weights.Renaming;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A layer of the image encoders CLIP and SigLIP: attention among a picture's tokens, then two
 * linear layers, each behind a norm and added to what came in.
 */
record VisionLayer(
    Activation activation,
    LayerNorm norm1,
    QkvLayer projection,
    Linear out,
    LayerNorm norm2,
    Linear up,
    Linear down) {
  /** Query, key and value are one layer, which some files store as a whole. */
  static final Renaming NAMES =
      Renaming.NONE.stack(
          "(encoder\\.layers\\.\\d+\\.self_attn\\.)qkv_proj\\.(weight|bias)",
          "$1q_proj.$2",
          "$1k_proj.$2",
          "$1v_proj.$2");

  /**
   * The layer of a number.
   *
   * @param eps added to the variance in its norms
   */
  static VisionLayer of(Weights weights, int layer, int heads, Activation activation, double eps) {
    String at = prefix(layer);
    StackedLinear stacked =
        WeightShare.WHOLE.stacked(weights, NAMES, at + "self_attn.qkv_proj", true);
    return new VisionLayer(
        activation,
        LayerNorm.of(weights, at + "layer_norm1", eps),
        new QkvLayer(stacked, stacked.parts().getFirst().out() / heads),
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
    try (INDArray normed = norm1.apply(hidden);
        Qkv qkv = projection.apply(normed);
        INDArray attended = SoftmaxAttention.attend(qkv.query(), qkv.key(), qkv.value());
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
