// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import org.lvsa.toolkit.weights.Renaming;

/**
 * The names of a HunyuanVideo 1.5 transformer's tensors in the publisher's own repository as those
 * of diffusers. Query, key and value of the token refiner are one tensor there, and the last
 * modulation has shift and scale in the other order.
 */
final class HunyuanNames {
  private static final String REFINER = "context_embedder.";

  /** What makes the scale of the last modulation. */
  static final String HEAD_SCALE = "norm_out.scale";

  /** What makes its shift. */
  static final String HEAD_SHIFT = "norm_out.shift";

  /** The table; names of diffusers stay. */
  static final Renaming TRANSFORMER =
      Renaming.SINGLE_FILE
          .then(embedders())
          .then(refiner())
          .then(blocks())
          .then("^final_layer\\.linear\\.", "proj_out.")
          // The publisher has the shift first, diffusers the scale.
          .stack(
              "^final_layer\\.adaLN_modulation\\.1\\.(weight|bias)$",
              HEAD_SHIFT + ".$1",
              HEAD_SCALE + ".$1")
          .stack("^norm_out\\.linear\\.(weight|bias)$", HEAD_SCALE + ".$1", HEAD_SHIFT + ".$1");

  private HunyuanNames() {}

  private static Renaming embedders() {
    return Renaming.of("^time_in\\.mlp\\.0\\.", "time_embed.timestep_embedder.linear_1.")
        .then("^time_in\\.mlp\\.2\\.", "time_embed.timestep_embedder.linear_2.")
        .then("^byt5_in\\.layernorm\\.", "context_embedder_2.norm.")
        .then("^byt5_in\\.fc([123])\\.", "context_embedder_2.linear_$1.")
        .then("^vision_in\\.proj\\.0\\.", "image_embedder.norm_in.")
        .then("^vision_in\\.proj\\.1\\.", "image_embedder.linear_1.")
        .then("^vision_in\\.proj\\.3\\.", "image_embedder.linear_2.")
        .then("^vision_in\\.proj\\.4\\.", "image_embedder.norm_out.")
        .then("^img_in\\.", "x_embedder.")
        .then("^cond_type_embedding\\.", "cond_type_embed.");
  }

  private static Renaming refiner() {
    String block = "(" + REFINER.replace(".", "\\.") + "token_refiner\\.refiner_blocks\\.\\d+\\.)";
    return Renaming.of(
            "^txt_in\\.t_embedder\\.mlp\\.0\\.",
            REFINER + "time_text_embed.timestep_embedder.linear_1.")
        .then(
            "^txt_in\\.t_embedder\\.mlp\\.2\\.",
            REFINER + "time_text_embed.timestep_embedder.linear_2.")
        .then("^txt_in\\.c_embedder\\.", REFINER + "time_text_embed.text_embedder.")
        .then("^txt_in\\.input_embedder\\.", REFINER + "proj_in.")
        .then(
            "^txt_in\\.individual_token_refiner\\.blocks\\.",
            REFINER + "token_refiner.refiner_blocks.")
        .then("^" + block + "self_attn_proj\\.", "$1attn.to_out.0.")
        .then("^" + block + "self_attn_qkv\\.", "$1attn.to_qkv.")
        .then("^" + block + "mlp\\.fc1\\.", "$1ff.net.0.proj.")
        .then("^" + block + "mlp\\.fc2\\.", "$1ff.net.2.")
        .then("^" + block + "adaLN_modulation\\.1\\.", "$1norm_out.linear.")
        .stack(
            block + "attn\\.to_qkv\\.(weight|bias)",
            "$1attn.to_q.$2",
            "$1attn.to_k.$2",
            "$1attn.to_v.$2");
  }

  private static Renaming blocks() {
    return Renaming.of("^double_blocks\\.", "transformer_blocks.")
        .then("\\.img_mod\\.", ".norm1.")
        .then("\\.txt_mod\\.", ".norm1_context.")
        .then("\\.img_attn_([qk])_norm\\.", ".attn.norm_$1.")
        .then("\\.txt_attn_([qk])_norm\\.", ".attn.norm_added_$1.")
        .then("\\.img_attn_([qkv])\\.", ".attn.to_$1.")
        .then("\\.txt_attn_([qkv])\\.", ".attn.add_$1_proj.")
        .then("\\.img_attn_proj\\.", ".attn.to_out.0.")
        .then("\\.txt_attn_proj\\.", ".attn.to_add_out.")
        .then("\\.img_mlp\\.fc1\\.", ".ff.net.0.proj.")
        .then("\\.img_mlp\\.fc2\\.", ".ff.net.2.")
        .then("\\.txt_mlp\\.fc1\\.", ".ff_context.net.0.proj.")
        .then("\\.txt_mlp\\.fc2\\.", ".ff_context.net.2.")
        .stack(
            "(transformer_blocks\\.\\d+\\.attn\\.)to_qkv\\.(weight|bias)",
            "$1to_q.$2",
            "$1to_k.$2",
            "$1to_v.$2")
        .stack(
            "(transformer_blocks\\.\\d+\\.attn\\.)to_added_qkv\\.(weight|bias)",
            "$1add_q_proj.$2",
            "$1add_k_proj.$2",
            "$1add_v_proj.$2");
  }
}
