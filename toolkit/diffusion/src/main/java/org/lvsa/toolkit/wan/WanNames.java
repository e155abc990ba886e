// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import org.lvsa.toolkit.weights.Renaming;

/**
 * The names of a Wan transformer's tensors in the publisher's own repository, and in single files
 * made of it, as those of diffusers; and the layers that have one input as one.
 */
final class WanNames {
  private static final String EMBEDDER = "condition_embedder.";
  private static final String IMAGE = EMBEDDER + "image_embedder.";

  /** The table; names of diffusers stay. */
  static final Renaming TRANSFORMER =
      Renaming.SINGLE_FILE
          .then("^time_embedding\\.0\\.", EMBEDDER + "time_embedder.linear_1.")
          .then("^time_embedding\\.2\\.", EMBEDDER + "time_embedder.linear_2.")
          .then("^time_projection\\.1\\.", EMBEDDER + "time_proj.")
          .then("^text_embedding\\.0\\.", EMBEDDER + "text_embedder.linear_1.")
          .then("^text_embedding\\.2\\.", EMBEDDER + "text_embedder.linear_2.")
          .then("^img_emb\\.emb_pos$", IMAGE + "pos_embed")
          .then("^img_emb\\.proj\\.0\\.", IMAGE + "norm1.")
          .then("^img_emb\\.proj\\.1\\.", IMAGE + "ff.net.0.proj.")
          .then("^img_emb\\.proj\\.3\\.", IMAGE + "ff.net.2.")
          .then("^img_emb\\.proj\\.4\\.", IMAGE + "norm2.")
          .then("^head\\.head\\.", "proj_out.")
          .then("^head\\.modulation$", "scale_shift_table")
          .then("^(blocks\\.\\d+\\.)modulation$", "$1scale_shift_table")
          // The norm before the cross-attention is the only one with weights.
          .then("^(blocks\\.\\d+\\.)norm3\\.", "$1norm2.")
          .then("^(blocks\\.\\d+\\.ffn\\.)0\\.", "$1net.0.proj.")
          .then("^(blocks\\.\\d+\\.ffn\\.)2\\.", "$1net.2.")
          .then("\\.self_attn\\.", ".attn1.")
          .then("\\.cross_attn\\.([kv])_img\\.", ".attn2.add_$1_proj.")
          .then("\\.cross_attn\\.norm_k_img\\.", ".attn2.norm_added_k.")
          .then("\\.cross_attn\\.", ".attn2.")
          .then("(\\.attn[12]\\.)([qkv])\\.", "$1to_$2.")
          .then("(\\.attn[12]\\.)o\\.", "$1to_out.0.")
          .stack(
              "(blocks\\.\\d+\\.attn1\\.)to_qkv\\.(weight|bias)",
              "$1to_q.$2",
              "$1to_k.$2",
              "$1to_v.$2")
          .stack("(blocks\\.\\d+\\.attn2\\.)to_kv\\.(weight|bias)", "$1to_k.$2", "$1to_v.$2")
          .stack(
              "(blocks\\.\\d+\\.attn2\\.)to_added_kv\\.(weight|bias)",
              "$1add_k_proj.$2",
              "$1add_v_proj.$2");

  private WanNames() {}
}
