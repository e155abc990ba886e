// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.TensorShapes;

/**
 * The sizes of a Wan transformer.
 *
 * @param layers number of blocks
 * @param heads attention heads of a block
 * @param headDim features of a head; a token has {@code heads · headDim} features
 * @param feedForward features inside the feed-forward part
 * @param conditions what it is given beside the latents
 * @param channels what it takes and what it gives
 * @param patch latent values that make a token
 * @param crossAttentionNorm whether a norm stands before the cross-attention
 * @param trained what it was made for
 * @param eps added in the norms
 */
public record WanConfig(
    int layers,
    int heads,
    int headDim,
    int feedForward,
    Conditions conditions,
    Channels channels,
    Patch patch,
    boolean crossAttentionNorm,
    Trained trained,
    double eps) {
  /**
   * What the transformer is given beside the latents.
   *
   * @param timeFeatures sines and cosines that a time step becomes first ({@code freq_dim})
   * @param textWidth features of a text embedding
   * @param image what it is told of pictures by tokens of their own; empty where it takes none
   */
  public record Conditions(int timeFeatures, int textWidth, Optional<ImageTokens> image) {
    /** Without pictures. */
    public Conditions(int timeFeatures, int textWidth) {
      this(timeFeatures, textWidth, Optional.empty());
    }
  }

  /**
   * The tokens of pictures, which an image encoder makes.
   *
   * @param width features of a token ({@code image_dim})
   * @param positions tokens that have learned positions, those of the first picture and those of
   *     the last one ({@code pos_embed_seq_len}); empty where one picture is given, without them
   */
  public record ImageTokens(int width, OptionalInt positions) {}

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

  /**
   * What a transformer was made for.
   *
   * @param positions per axis that the rotary embedding has
   * @param frames of the videos that it was trained on ({@code sample_frames}), which count where
   *     LVSA or RIFLEx ask for the training horizon; empty where the settings do not say, as those
   *     of the published models
   */
  public record Trained(int positions, OptionalInt frames) {
    /** With the horizon that the kind of model has. */
    public Trained(int positions) {
      this(positions, OptionalInt.empty());
    }
  }

  /** Reads a {@code config.json}; what is not supported is named. */
  public static WanConfig of(ComponentConfig config) {
    config.require("_class_name", "WanTransformer3DModel");
    config.require("qk_norm", "rms_norm_across_heads");
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
    int heads = config.size("num_attention_heads");
    WanConfig read =
        new WanConfig(
            config.size("num_layers"),
            heads,
            headDim,
            config.size("ffn_dim"),
            new Conditions(
                timeFeatures, config.size("text_dim", 4096), image(config, heads * headDim)),
            new Channels(in, config.size("out_channels", in)),
            new Patch(patch.get(0), patch.get(1), patch.get(2)),
            config.flag("cross_attn_norm", true),
            trained(config),
            config.positive("eps", 1e-6));
    config.finish();
    return read;
  }

  private static Trained trained(ComponentConfig config) {
    return new Trained(
        config.size("rope_max_seq_len", 1024),
        config.has("sample_frames")
            ? OptionalInt.of(config.size("sample_frames"))
            : OptionalInt.empty());
  }

  private static Optional<ImageTokens> image(ComponentConfig config, int width) {
    if (!config.has("image_dim")) {
      config.require("added_kv_proj_dim", (Object) null);
      config.require("pos_embed_seq_len", (Object) null);
      return Optional.empty();
    }
    if (config.size("added_kv_proj_dim", 0) != width) {
      throw config.wrong(
          "added_kv_proj_dim", width + ", the features of a token, since image_dim is given");
    }
    int positions = config.size("pos_embed_seq_len", 0);
    if (positions % 2 != 0) {
      throw config.wrong("pos_embed_seq_len", "an even number: half of it for each picture");
    }
    return Optional.of(
        new ImageTokens(
            config.size("image_dim"),
            positions == 0 ? OptionalInt.empty() : OptionalInt.of(positions)));
  }

  /** Sines and cosines that a time step becomes first. */
  public int timeFeatures() {
    return conditions.timeFeatures();
  }

  /** Features of a text embedding. */
  public int textWidth() {
    return conditions.textWidth();
  }

  /** What the transformer is told of pictures by tokens; empty where it takes none. */
  public Optional<ImageTokens> image() {
    return conditions.image();
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
            .addLinear("condition_embedder.time_embedder.linear_1", width, timeFeatures())
            .addLinear("condition_embedder.time_embedder.linear_2", width, width)
            .addLinear("condition_embedder.time_proj", 6L * width, width)
            .addLinear("condition_embedder.text_embedder.linear_1", width, textWidth())
            .addLinear("condition_embedder.text_embedder.linear_2", width, width);
    image().ifPresent(image -> ImageEmbedding.addTensors(shapes, image, width));
    for (int layer = 0; layer < layers; layer++) {
      String prefix = "blocks." + layer + ".";
      for (String attention : new String[] {"attn1.", "attn2."}) {
        for (String projection : new String[] {"to_q", "to_k", "to_v", "to_out.0"}) {
          shapes.addLinear(prefix + attention + projection, width, width);
        }
        shapes.add(prefix + attention + "norm_q.weight", width);
        shapes.add(prefix + attention + "norm_k.weight", width);
      }
      if (image().isPresent()) {
        shapes.addLinear(prefix + "attn2.add_k_proj", width, width);
        shapes.addLinear(prefix + "attn2.add_v_proj", width, width);
        shapes.add(prefix + "attn2.norm_added_k.weight", width);
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
