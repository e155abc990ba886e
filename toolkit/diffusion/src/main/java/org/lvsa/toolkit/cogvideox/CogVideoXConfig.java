// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import org.lvsa.toolkit.layers.LayerNorm;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.TensorShapes;

/**
 * The sizes of a CogVideoX transformer.
 *
 * @param layers number of blocks
 * @param heads attention heads of a block
 * @param headDim features of a head; a token has {@code heads · headDim} features
 * @param timeWidth features of the time step's embedding
 * @param text what the transformer takes of a prompt
 * @param channels what it takes and what it gives
 * @param patch latent values that make a token
 * @param sample the video that the model was made for
 * @param positions how tokens know where they are
 * @param biases which layers have a bias where models differ
 * @param eps added in the layer norms of tokens
 */
public record CogVideoXConfig(
    int layers,
    int heads,
    int headDim,
    int timeWidth,
    Text text,
    Channels channels,
    Patch patch,
    Sample sample,
    Positions positions,
    Biases biases,
    double eps) {
  /** The feed-forward part is this many times as wide as a token. */
  private static final int FEED_FORWARD = 4;

  private static final String SPATIAL_SCALE = "spatial_interpolation_scale";
  private static final String TEMPORAL_SCALE = "temporal_interpolation_scale";

  /**
   * A prompt's embeddings.
   *
   * @param width features of one
   * @param tokens how many there are, whatever the prompt's length
   */
  public record Text(int width, int tokens) {}

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
   * @param side latent rows, and columns
   * @param temporal whether patches reach over time at all, as in CogVideoX 1.5, where the weight
   *     of their embedding is a matrix
   */
  public record Patch(int frames, int side, boolean temporal) {
    /** Latent values per channel. */
    public int size() {
      return frames * side * side;
    }
  }

  /**
   * The video that a model was made for.
   *
   * @param frames video frames
   * @param height latent rows
   * @param width latent columns
   * @param temporalFactor video frames for a further latent frame
   */
  public record Sample(int frames, int height, int width, int temporalFactor) {
    /** Latent frames. */
    int latentFrames() {
      return (frames - 1) / temporalFactor + 1;
    }
  }

  /** How tokens know where they are. */
  public sealed interface Positions {
    /** Rotary embeddings: CogVideoX 5B, and 1.5, which has patches over time. */
    record Rotary() implements Positions {}

    /**
     * Sines and cosines that are added to the video's tokens: CogVideoX 2B.
     *
     * @param spatialScale what rows and columns are divided by
     * @param temporalScale what frames are divided by
     */
    record Sines(double spatialScale, double temporalScale) implements Positions {}
  }

  /**
   * Which layers have a bias.
   *
   * @param attention the projections to query, key and value
   * @param patch the embedding of patches
   */
  public record Biases(boolean attention, boolean patch) {}

  /** Reads a {@code config.json}; what is not supported is named. */
  public static CogVideoXConfig of(ComponentConfig config) {
    config.require("_class_name", "CogVideoXTransformer3DModel");
    config.require("activation_fn", "gelu-approximate");
    config.require("timestep_activation_fn", "silu");
    config.require("norm_elementwise_affine", true);
    config.require("flip_sin_to_cos", true);
    config.require("freq_shift", 0);
    config.require("ofs_embed_dim", (Object) null);
    config.require("use_learned_positional_embeddings", false);
    int headDim = config.size("attention_head_dim", 64);
    boolean rotary = config.flag("use_rotary_positional_embeddings", false);
    if (rotary && headDim % 16 != 0) {
      throw config.wrong(
          "attention_head_dim", "a multiple of 16 where use_rotary_positional_embeddings is true");
    }
    int heads = config.size("num_attention_heads", 30);
    if (!rotary && (heads * headDim) % 16 != 0) {
      throw config.wrong(
          "num_attention_heads", "such that heads times attention_head_dim is a multiple of 16");
    }
    boolean temporal = config.has("patch_size_t");
    if (temporal && !rotary) {
      throw config.wrong("patch_size_t", "null where there are no rotary embeddings");
    }
    int in = config.size("in_channels", 16);
    // Training drops values out. The scales belong to sines.
    config.withoutEffect("dropout", SPATIAL_SCALE, TEMPORAL_SCALE);
    CogVideoXConfig read =
        new CogVideoXConfig(
            config.size("num_layers", 30),
            heads,
            headDim,
            config.size("time_embed_dim", 512),
            new Text(config.size("text_embed_dim", 4096), config.size("max_text_seq_length", 226)),
            new Channels(in, config.size("out_channels", 16)),
            new Patch(config.size("patch_size_t", 1), config.size("patch_size", 2), temporal),
            new Sample(
                config.size("sample_frames", 49),
                config.size("sample_height", 60),
                config.size("sample_width", 90),
                config.size("temporal_compression_ratio", 4)),
            rotary
                ? new Positions.Rotary()
                : new Positions.Sines(
                    config.positive(SPATIAL_SCALE, 1.875), config.positive(TEMPORAL_SCALE, 1)),
            new Biases(
                config.flag("attention_bias", true),
                // The embedding of patches over time has a bias whatever the setting says.
                config.flag("patch_bias", true) || temporal),
            config.positive("norm_eps", 1e-5));
    config.finish();
    return read;
  }

  /** Features of a token. */
  public int width() {
    return heads * headDim;
  }

  /** Features inside a block's feed-forward part. */
  public int feedForward() {
    return FEED_FORWARD * width();
  }

  /** The length of the videos that the model was trained on, in frames of patches. */
  public int referenceFrames() {
    return Math.ceilDiv(sample.latentFrames(), patch.frames());
  }

  /**
   * Bytes that a prediction takes beside the weights, at its largest: in self-attention the tokens,
   * their norm, query, key and value apart and joined, a backend's result, and its copies.
   *
   * @param batch elements of the batch
   * @param videoTokens of one video
   */
  public long workingBytes(int batch, long videoTokens) {
    long tokens = videoTokens + text.tokens();
    return Math.multiplyExact(Math.multiplyExact(batch, tokens), 12L * width() * Float.BYTES);
  }

  /** The tensors of the transformer, as diffusers names them. */
  public TensorShapes tensors() {
    int width = width();
    TensorShapes shapes = new TensorShapes();
    if (patch.temporal()) {
      shapes.add("patch_embed.proj.weight", width, (long) channels.in() * patch.size());
    } else {
      shapes.add("patch_embed.proj.weight", width, channels.in(), patch.side(), patch.side());
    }
    if (biases.patch()) {
      shapes.add("patch_embed.proj.bias", width);
    }
    shapes
        .addLinear("patch_embed.text_proj", width, text.width())
        .addLinear("time_embedding.linear_1", timeWidth, width)
        .addLinear("time_embedding.linear_2", timeWidth, timeWidth);
    for (int layer = 0; layer < layers; layer++) {
      String prefix = "transformer_blocks." + layer + ".";
      addNorm(shapes, prefix + "norm1.");
      for (String projection : new String[] {"to_q", "to_k", "to_v"}) {
        shapes.add(prefix + "attn1." + projection + ".weight", width, width);
        if (biases.attention()) {
          shapes.add(prefix + "attn1." + projection + ".bias", width);
        }
      }
      shapes.addLinear(prefix + "attn1.to_out.0", width, width);
      for (String norm : new String[] {"norm_q", "norm_k"}) {
        shapes
            .add(prefix + "attn1." + norm + ".weight", headDim)
            .add(prefix + "attn1." + norm + ".bias", headDim);
      }
      addNorm(shapes, prefix + "norm2.");
      shapes
          .addLinear(prefix + "ff.net.0.proj", (long) FEED_FORWARD * width, width)
          .addLinear(prefix + "ff.net.2", width, (long) FEED_FORWARD * width);
    }
    shapes.add("norm_final.weight", width).add("norm_final.bias", width);
    shapes.addLinear("norm_out.linear", 2L * width, timeWidth);
    LayerNorm.addTensors(shapes, "norm_out.norm", width);
    return shapes.addLinear("proj_out", (long) channels.out() * patch.size(), width);
  }

  /** A norm with shift, scale and gate for the video, and as many for the text. */
  private void addNorm(TensorShapes shapes, String prefix) {
    shapes
        .addLinear(prefix + CogVideoXNames.VIDEO, 3L * width(), timeWidth)
        .addLinear(prefix + CogVideoXNames.TEXT, 3L * width(), timeWidth);
    LayerNorm.addTensors(shapes, prefix + "norm", width());
  }
}
