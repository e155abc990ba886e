// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import org.lvsa.toolkit.weights.Renaming;

/**
 * The names of a CogVideoX transformer's tensors in the publisher's own files, which
 * SwissArmyTransformer wrote, as those of diffusers. Both norms of a block get shift, scale and
 * gate from one tensor there; video and text have theirs one after the other.
 */
final class CogVideoXNames {
  /** What gives a norm the video's shift, scale and gate. */
  static final String VIDEO = "linear.video";

  /** What gives it the text's. */
  static final String TEXT = "linear.text";

  private static final String BLOCK = "(transformer_blocks\\.\\d+\\.)";

  /** The table; names of diffusers stay. Query, key and value are one layer. */
  static final Renaming TRANSFORMER =
      Renaming.SINGLE_FILE
          .then("^time_embed\\.0\\.", "time_embedding.linear_1.")
          .then("^time_embed\\.2\\.", "time_embedding.linear_2.")
          .then("^mixins\\.patch_embed\\.", "patch_embed.")
          .then("^mixins\\.pos_embed\\.pos_embedding$", "patch_embed.pos_embedding")
          .then("^mixins\\.final_layer\\.norm_final\\.", "norm_out.norm.")
          .then("^mixins\\.final_layer\\.adaLN_modulation\\.1\\.", "norm_out.linear.")
          .then("^mixins\\.final_layer\\.linear\\.", "proj_out.")
          .then("^transformer\\.final_layernorm\\.", "norm_final.")
          .then(blocks())
          // Positions are computed here, and texts come as embeddings.
          .without(".*\\.(freqs_sin|freqs_cos|(position|word)_embeddings\\.weight)");

  private CogVideoXNames() {}

  private static Renaming blocks() {
    String norms = "mixins\\.adaln_layer\\.";
    return Renaming.of("^transformer\\.layers\\.", "transformer_blocks.")
        .then(
            "^" + norms + "query_layernorm_list\\.(\\d+)\\.", "transformer_blocks.$1.attn1.norm_q.")
        .then("^" + norms + "key_layernorm_list\\.(\\d+)\\.", "transformer_blocks.$1.attn1.norm_k.")
        .then(
            "^" + norms + "adaLN_modulations\\.(\\d+)\\.1\\.", "transformer_blocks.$1.both_norms.")
        .then("\\.input_layernorm\\.", ".norm1.norm.")
        .then("\\.post_attention_layernorm\\.", ".norm2.norm.")
        .then("\\.attention\\.query_key_value\\.", ".attn1.to_qkv.")
        .then("\\.attention\\.dense\\.", ".attn1.to_out.0.")
        .then("\\.mlp\\.dense_h_to_4h\\.", ".ff.net.0.proj.")
        .then("\\.mlp\\.dense_4h_to_h\\.", ".ff.net.2.")
        .stack(
            BLOCK + "attn1\\.to_qkv\\.(weight|bias)",
            "$1attn1.to_q.$2",
            "$1attn1.to_k.$2",
            "$1attn1.to_v.$2")
        .stack(
            BLOCK + "both_norms\\.(weight|bias)",
            "$1norm1." + VIDEO + ".$2",
            "$1norm2." + VIDEO + ".$2",
            "$1norm1." + TEXT + ".$2",
            "$1norm2." + TEXT + ".$2")
        .stack(
            BLOCK + "(norm[12]\\.)linear\\.(weight|bias)",
            "$1$2" + VIDEO + ".$3",
            "$1$2" + TEXT + ".$3");
  }
}
