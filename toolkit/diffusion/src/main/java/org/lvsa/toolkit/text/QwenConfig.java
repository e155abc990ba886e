// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.text;

import java.util.Collections;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.TensorShapes;

/**
 * The sizes of Qwen2.5-VL's text model.
 *
 * @param vocabulary tokens that have an embedding
 * @param width features of a token
 * @param heads query heads of a layer
 * @param kvHeads key and value heads, each for as many query heads
 * @param headDim features of a head
 * @param feedForward features inside the feed-forward part
 * @param layers number of layers
 * @param ropeTheta base of the rotary embedding's frequencies
 * @param eps added to the mean of squares in the norms
 */
public record QwenConfig(
    int vocabulary,
    int width,
    int heads,
    int kvHeads,
    int headDim,
    int feedForward,
    int layers,
    double ropeTheta,
    double eps) {
  private static final double PUBLISHED_THETA = 1e6;

  /** Attention to all tokens before. */
  private static final String FULL = "full_attention";

  /** Reads a {@code config.json}; what is not supported is named. */
  public static QwenConfig of(ComponentConfig config) {
    config.require("model_type", "qwen2_5_vl_text");
    config.require("hidden_act", "silu");
    config.require("use_sliding_window", false);
    int layers = config.size("num_hidden_layers");
    if (config.has("layer_types")
        && !config.texts("layer_types").equals(Collections.nCopies(layers, FULL))) {
      throw config.wrong("layer_types", layers + " times " + FULL);
    }
    // What belongs to windows that do not slide, to training, and to pictures in a conversation.
    config.withoutEffect(
        "attention_dropout",
        "image_token_id",
        "max_position_embeddings",
        "max_window_layers",
        "sliding_window",
        "video_token_id",
        "vision_end_token_id",
        "vision_start_token_id",
        "vision_token_id");
    int width = config.size("hidden_size");
    int heads = config.size("num_attention_heads");
    int kvHeads = config.size("num_key_value_heads", heads);
    if (heads % kvHeads != 0) {
      throw config.wrong("num_key_value_heads", "a divisor of num_attention_heads, " + heads);
    }
    int headDim = config.size("head_dim", width / heads);
    if (headDim % 2 != 0) {
      throw config.wrong("hidden_size", "an even number of features for each attention head");
    }
    QwenConfig read =
        new QwenConfig(
            config.size("vocab_size"),
            width,
            heads,
            kvHeads,
            headDim,
            config.size("intermediate_size"),
            layers,
            theta(config),
            config.positive("rms_norm_eps", 1e-6));
    config.finishEncoder();
    return read;
  }

  /**
   * The base of the frequencies, which newer files have in an object. Positions in time, height and
   * width that such an object speaks of are the same number for a text, whose rotary embedding is
   * the usual one therefore.
   */
  private static double theta(ComponentConfig config) {
    config.child("rope_scaling").ifPresent(QwenConfig::requirePlain);
    return config
        .child("rope_parameters")
        .map(
            rope -> {
              double theta = rope.positive("rope_theta", PUBLISHED_THETA);
              requirePlain(rope);
              return theta;
            })
        .orElseGet(() -> config.positive("rope_theta", PUBLISHED_THETA));
  }

  private static void requirePlain(ComponentConfig rope) {
    rope.require("rope_type", "default", "mrope");
    rope.require("type", "default", "mrope");
    rope.withoutEffect("mrope_section");
    rope.finish();
  }

  /** The tensors of the model, as transformers names them. */
  public TensorShapes tensors() {
    TensorShapes shapes = new TensorShapes().add("embed_tokens.weight", vocabulary, width);
    long queryWidth = (long) heads * headDim;
    long keyWidth = (long) kvHeads * headDim;
    for (int layer = 0; layer < layers; layer++) {
      String prefix = prefix(layer);
      shapes
          .add(prefix + "input_layernorm.weight", width)
          .addLinear(prefix + "self_attn.q_proj", queryWidth, width)
          .addLinear(prefix + "self_attn.k_proj", keyWidth, width)
          .addLinear(prefix + "self_attn.v_proj", keyWidth, width)
          .add(prefix + "self_attn.o_proj.weight", width, queryWidth)
          .add(prefix + "post_attention_layernorm.weight", width)
          .add(prefix + "mlp.gate_proj.weight", feedForward, width)
          .add(prefix + "mlp.up_proj.weight", feedForward, width)
          .add(prefix + "mlp.down_proj.weight", width, feedForward);
    }
    return shapes.add("norm.weight", width);
  }

  /** What the names of a layer's tensors begin with. */
  static String prefix(int layer) {
    return "layers." + layer + ".";
  }

  /**
   * Bytes that encoding takes beside the weights, at its largest: in the feed-forward part two
   * tensors of tokens and two of the inner features, in self-attention six of tokens; and a matrix
   * of weights that is widened.
   */
  public long workingBytes(long tokens) {
    long features = Math.max(2L * width + 2L * feedForward, 3L * width + 3L * heads * headDim);
    return (tokens * features + (long) width * feedForward) * Float.BYTES;
  }
}
