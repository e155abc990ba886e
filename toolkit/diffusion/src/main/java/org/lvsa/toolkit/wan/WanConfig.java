// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.List;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.TensorShapes;

/**
 * The sizes of a Wan transformer.
 *
 * @param layers number of blocks
 * @param heads attention heads of a block
 * @param headDim features of a head; a token has {@code heads · headDim} features
 * @param feedForward features inside the feed-forward part
 * @param timeFeatures sines and cosines that a time step becomes first ({@code freq_dim})
 * @param textWidth features of a text embedding
 * @param channels what it takes and what it gives
 * @param patch latent values that make a token
 * @param crossAttentionNorm whether a norm stands before the cross-attention
 * @param maxPositions positions per axis that the rotary embedding was made for
 * @param eps added in the norms
 */
public record WanConfig(
    int layers,
    int heads,
    int headDim,
    int feedForward,
    int timeFeatures,
    int textWidth,
    Channels channels,
    Patch patch,
    boolean crossAttentionNorm,
    int maxPositions,
    double eps) {
  /**
   * Channels of the latents.
   *
   * @param in that the transformer takes
   * @param out that it gives
   */
  public record Channels(int in, int out) {}

  /**
   * A patch.
   *
   * @param frames latent frames
   * @param rows latent rows
   * @param columns latent columns
   */
  public record Patch(int frames, int rows, int columns) {
    /** Latent values per channel. */
    public int size() {
      return frames * rows * columns;
    }
  }

  /** Reads a {@code config.json}; what is not supported is named. */
  public static WanConfig of(ComponentConfig config) {
    config.require("_class_name", "WanTransformer3DModel");
    config.require("qk_norm", "rms_norm_across_heads");
    config.require("added_kv_proj_dim", (Object) null);
    config.require("image_dim", (Object) null);
    config.require("pos_embed_seq_len", (Object) null);
    List<Integer> patch = config.sizes("patch_size");
    if (patch.size() != 3) {
      throw config.wrong("patch_size", "three whole numbers: frames, rows, columns");
    }
    int headDim = config.size("attention_head_dim");
    if (headDim % 2 != 0 || headDim < 6) {
      throw config.wrong("attention_head_dim", "an even number from 6");
    }
    int timeFeatures = config.size("freq_dim", 256);
    if (timeFeatures % 2 != 0) {
      throw config.wrong("freq_dim", "an even number");
    }
    int in = config.size("in_channels");
    return new WanConfig(
        config.size("num_layers"),
        config.size("num_attention_heads"),
        headDim,
        config.size("ffn_dim"),
        timeFeatures,
        config.size("text_dim", 4096),
        new Channels(in, config.size("out_channels", in)),
        new Patch(patch.get(0), patch.get(1), patch.get(2)),
        config.flag("cross_attn_norm", true),
        config.size("rope_max_seq_len", 1024),
        config.number("eps", 1e-6));
  }

  /** Features of a token. */
  public int width() {
    return heads * headDim;
  }

  /**
   * Elements of a head that the rotary embedding turns by frame, row and column: a sixth of the
   * pairs each for row and column, the rest for the frame.
   */
  public List<Integer> rotaryAxes() {
    int spatial = 2 * (headDim / 6);
    return List.of(headDim - 2 * spatial, spatial, spatial);
  }

  /**
   * Bytes that a prediction takes beside the weights, at its largest: in the feed-forward part
   * three tensors of tokens and one of the inner features; in self-attention the input, its norm,
   * query, key and value, the result, a backend's copy of the result, and its projection.
   *
   * @param batch elements of the batch
   * @param tokens of one video
   */
  public long workingBytes(int batch, long tokens) {
    long features = Math.max(3L * width() + feedForward, 8L * width());
    return Math.multiplyExact(Math.multiplyExact(batch, tokens), features * Float.BYTES);
  }

  /** The tensors of the transformer, as diffusers names them. */
  public TensorShapes tensors() {
    int width = width();
    TensorShapes shapes =
        new TensorShapes()
            .add(
                "patch_embedding.weight",
                width,
                channels.in(),
                patch.frames(),
                patch.rows(),
                patch.columns())
            .add("patch_embedding.bias", width)
            .addLinear("condition_embedder.time_embedder.linear_1", width, timeFeatures)
            .addLinear("condition_embedder.time_embedder.linear_2", width, width)
            .addLinear("condition_embedder.time_proj", 6L * width, width)
            .addLinear("condition_embedder.text_embedder.linear_1", width, textWidth)
            .addLinear("condition_embedder.text_embedder.linear_2", width, width);
    for (int layer = 0; layer < layers; layer++) {
      String prefix = "blocks." + layer + ".";
      for (String attention : new String[] {"attn1.", "attn2."}) {
        for (String projection : new String[] {"to_q", "to_k", "to_v", "to_out.0"}) {
          shapes.addLinear(prefix + attention + projection, width, width);
        }
        shapes.add(prefix + attention + "norm_q.weight", width);
        shapes.add(prefix + attention + "norm_k.weight", width);
      }
      if (crossAttentionNorm) {
        shapes.add(prefix + "norm2.weight", width).add(prefix + "norm2.bias", width);
      }
      shapes.addLinear(prefix + "ffn.net.0.proj", feedForward, width);
      shapes.addLinear(prefix + "ffn.net.2", width, feedForward);
      shapes.add(prefix + "scale_shift_table", 1, 6, width);
    }
    return shapes
        .add("scale_shift_table", 1, 2, width)
        .addLinear("proj_out", (long) channels.out() * patch.size(), width);
  }
}
