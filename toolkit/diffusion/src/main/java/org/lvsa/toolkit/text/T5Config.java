// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.text;

import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.TensorShapes;

/**
 * The sizes of a T5 text encoder.
 *
 * @param vocabulary tokens that have an embedding
 * @param width features of a token ({@code d_model})
 * @param heads attention heads of a layer
 * @param headDim features of a head ({@code d_kv}); {@code heads · headDim} need not be the width
 * @param feedForward features inside the feed-forward part ({@code d_ff})
 * @param layers number of layers
 * @param buckets rows of the table of relative positions
 * @param maxDistance distance from which all further ones share a bucket
 * @param biasPerLayer whether each layer has a table of relative positions of its own, as in UMT5;
 *     otherwise all layers use the first one's, as in T5 and ByT5
 * @param eps added to the mean of squares in the norms
 */
public record T5Config(
    int vocabulary,
    int width,
    int heads,
    int headDim,
    int feedForward,
    int layers,
    int buckets,
    int maxDistance,
    boolean biasPerLayer,
    double eps) {
  private static final String UMT5 = "umt5";
  private static final String T5 = "t5";

  /** Reads a {@code config.json}; what is not supported is named. */
  public static T5Config of(ComponentConfig config) {
    String kind = config.choice("model_type", UMT5, UMT5, T5);
    config.require("feed_forward_proj", "gated-gelu");
    config.require("dense_act_fn", "gelu_new");
    config.require("is_gated_act", true);
    config.require("is_decoder", false);
    // Dropout belongs to training, the rest to the decoder.
    config.withoutEffect(
        "classifier_dropout",
        "dropout_rate",
        "n_positions",
        "num_decoder_layers",
        "scalable_attention",
        "scale_decoder_outputs");
    int buckets = config.size("relative_attention_num_buckets", 32);
    if (buckets % 4 != 0) {
      throw config.wrong("relative_attention_num_buckets", "a multiple of 4");
    }
    int maxDistance = config.size("relative_attention_max_distance", 128);
    if (maxDistance <= buckets / 4) {
      throw config.wrong("relative_attention_max_distance", "more than a quarter of the buckets");
    }
    T5Config read =
        new T5Config(
            config.size("vocab_size"),
            config.size("d_model"),
            config.size("num_heads"),
            config.size("d_kv"),
            config.size("d_ff"),
            config.size("num_layers"),
            buckets,
            maxDistance,
            kind.equals(UMT5),
            config.positive("layer_norm_epsilon", 1e-6));
    config.finishEncoder();
    return read;
  }

  /** The tensors of the encoder, as transformers names them. */
  public TensorShapes tensors() {
    TensorShapes shapes = new TensorShapes().add("shared.weight", vocabulary, width);
    long inner = (long) heads * headDim;
    for (int layer = 0; layer < layers; layer++) {
      String attention = prefix(layer) + "0.SelfAttention.";
      for (String projection : new String[] {"q", "k", "v"}) {
        shapes.add(attention + projection + ".weight", inner, width);
      }
      shapes.add(attention + "o.weight", width, inner);
      if (layer == biasLayer(layer)) {
        shapes.add(attention + "relative_attention_bias.weight", buckets, heads);
      }
      shapes.add(prefix(layer) + "0.layer_norm.weight", width);
      String dense = prefix(layer) + "1.DenseReluDense.";
      shapes.add(dense + "wi_0.weight", feedForward, width);
      shapes.add(dense + "wi_1.weight", feedForward, width);
      shapes.add(dense + "wo.weight", width, feedForward);
      shapes.add(prefix(layer) + "1.layer_norm.weight", width);
    }
    return shapes.add("encoder.final_layer_norm.weight", width);
  }

  /** The layer whose table of relative positions a layer uses. */
  int biasLayer(int layer) {
    return biasPerLayer ? layer : 0;
  }

  /** What the names of a layer's tensors begin with. */
  static String prefix(int layer) {
    return "encoder.block." + layer + ".layer.";
  }

  /**
   * The row of the table for a distance from query to key: half of the rows are for keys behind the
   * query; near distances have a row each, further ones share rows that grow logarithmically
   * (Raffel et al. 2020, the T5 paper). Computed in float32, as the published encoder does.
   */
  int bucket(int keyMinusQuery) {
    int half = buckets / 2;
    int distance = Math.abs(keyMinusQuery);
    int exact = half / 2;
    int row = distance;
    if (distance >= exact) {
      float ratio = (float) Math.log((float) distance / exact);
      float range = (float) Math.log((double) maxDistance / exact);
      row = Math.min(half - 1, exact + (int) (ratio / range * (half - exact)));
    }
    return keyMinusQuery > 0 ? half + row : row;
  }
}
