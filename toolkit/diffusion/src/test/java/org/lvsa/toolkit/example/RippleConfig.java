// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.example;

import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.TensorShapes;

/**
 * The sizes of Ripple's transformer.
 *
 * @param layers number of blocks
 * @param heads attention heads of a block
 * @param headDim features of a head; a token has {@code heads · headDim} features
 * @param channels of the latents
 * @param textWidth features of a text embedding
 * @param trainedFrames latent frames of the videos that it was trained on
 */
public record RippleConfig(
    int layers, int heads, int headDim, int channels, int textWidth, int trainedFrames) {
  /** Latent pixels of a patch, along each side. */
  static final int PATCH = 2;

  /** Reads a {@code config.json}; what is not supported is named. */
  public static RippleConfig of(ComponentConfig config) {
    config.require("_class_name", "RippleTransformer3DModel");
    int headDim = config.size("attention_head_dim");
    if (headDim % 6 != 0) {
      throw config.wrong("attention_head_dim", "a multiple of 6");
    }
    return new RippleConfig(
        config.size("num_layers"),
        config.size("num_attention_heads"),
        headDim,
        config.size("in_channels"),
        config.size("text_embed_dim"),
        config.size("sample_frames", 5));
  }

  /** Features of a token. */
  public int width() {
    return heads * headDim;
  }

  /** The tensors of the transformer. */
  public TensorShapes tensors() {
    int width = width();
    int patch = channels * PATCH * PATCH;
    TensorShapes shapes =
        new TensorShapes()
            .addLinear("patch_embed", width, patch)
            .addLinear("text_embed", width, textWidth)
            .addLinear("time_embed", width, width);
    for (int layer = 0; layer < layers; layer++) {
      String prefix = "blocks." + layer + ".";
      for (String name : new String[] {"to_q", "to_k", "to_v", "to_out"}) {
        shapes.addLinear(prefix + "attn." + name, width, width);
      }
      shapes.addLinear(prefix + "ff.up", 4L * width, width);
      shapes.addLinear(prefix + "ff.down", width, 4L * width);
    }
    return shapes.addLinear("proj_out", patch, width);
  }
}
