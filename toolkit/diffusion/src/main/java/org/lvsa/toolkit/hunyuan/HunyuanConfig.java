// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.List;
import org.lvsa.toolkit.layers.ImageProjection;
import org.lvsa.toolkit.layers.LayerNorm;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.TensorShapes;

/**
 * The sizes of a HunyuanVideo 1.5 transformer.
 *
 * @param layers number of blocks
 * @param heads attention heads of a block
 * @param headDim features of a head; a token has {@code heads · headDim} features
 * @param feedForward features inside a block's feed-forward parts
 * @param refinerLayers blocks of the token refiner
 * @param texts features of what it is told
 * @param channels what it takes and what it gives
 * @param patch latent values that make a token
 * @param rotary how the rotary embedding divides a head
 * @param targetSize side in pixels of a square of the area that the model was trained for
 * @param meanFlow whether it was trained to know the next time step too
 */
record HunyuanConfig(
    int layers,
    int heads,
    int headDim,
    int feedForward,
    int refinerLayers,
    Texts texts,
    Channels channels,
    Patch patch,
    Rotary rotary,
    int targetSize,
    boolean meanFlow) {
  /** Inside features of the projection of glyphs that published models have. */
  static final int GLYPH_HIDDEN = 2048;

  /** Sines and cosines that a time step becomes first. */
  static final int TIME_FEATURES = 256;

  /** The embedding of the time step. */
  static final String TIME = "time_embed.timestep_embedder";

  /** The embedding of the next time step, where the model has one. */
  static final String NEXT_TIME = "time_embed.timestep_embedder_r";

  /** Added in all norms but those of the projections of glyphs and pictures. */
  static final double EPS = 1e-6;

  /** Added in the norms of the projections of glyphs and pictures. */
  static final double PROJECTION_EPS = ImageProjection.EPS;

  /** Features inside the refiner's feed-forward part, in units of the width. */
  private static final int REFINER_RATIO = 4;

  /**
   * Features of what the transformer is told.
   *
   * @param text of a state of the language model
   * @param glyphs of an embedding of the words in quotes
   * @param glyphHidden inside their projection, which {@code config.json} does not say
   * @param image of a token of a picture
   */
  record Texts(int text, int glyphs, int glyphHidden, int image) {}

  /**
   * Channels of the latents.
   *
   * @param in that the transformer takes: the sample's, those of a condition, and a mask
   * @param out that it gives
   */
  record Channels(int in, int out) {}

  /**
   * A patch.
   *
   * @param frames latent frames
   * @param side latent rows, and latent columns
   */
  record Patch(int frames, int side) {
    /** Latent values per channel. */
    int size() {
      return frames * side * side;
    }
  }

  /**
   * The rotary embedding.
   *
   * @param axes elements of a head that turn by frame, row and column
   * @param theta base of the frequencies
   */
  record Rotary(List<Integer> axes, double theta) {}

  /**
   * Reads a {@code config.json}; what is not supported is named.
   *
   * @param glyphHidden what the weights say about the projection of glyphs
   */
  static HunyuanConfig of(ComponentConfig config, int glyphHidden) {
    config.require("_class_name", "HunyuanVideo15Transformer3DModel");
    config.require("qk_norm", "rms_norm");
    int heads = config.size("num_attention_heads", 16);
    int headDim = config.size("attention_head_dim", 128);
    List<Integer> axes =
        config.has("rope_axes_dim") ? config.sizes("rope_axes_dim") : List.of(16, 56, 56);
    if (axes.size() != 3
        || axes.stream().anyMatch(axis -> axis % 2 != 0)
        || axes.stream().mapToInt(Integer::intValue).sum() != headDim) {
      throw config.wrong(
          "rope_axes_dim", "three even numbers whose sum is attention_head_dim, " + headDim);
    }
    int in = config.size("in_channels", 65);
    int out = config.size("out_channels", 32);
    if (in != 2 * out + 1) {
      throw config.wrong(
          "in_channels",
          2 * out + 1 + ", for sample and condition of out_channels each, and a mask");
    }
    // What it was made for: the pipeline's class says it too, and that is what counts.
    config.withoutEffect("task_type");
    HunyuanConfig read =
        new HunyuanConfig(
            config.size("num_layers", 54),
            heads,
            headDim,
            (int) (heads * headDim * config.positive("mlp_ratio", 4)),
            config.size("num_refiner_layers", 2),
            new Texts(
                config.size("text_embed_dim", 3584),
                config.size("text_embed_2_dim", 1472),
                glyphHidden,
                config.size("image_embed_dim", 1152)),
            new Channels(in, out),
            new Patch(config.size("patch_size_t", 1), config.size("patch_size", 1)),
            new Rotary(axes, config.positive("rope_theta", 256)),
            config.size("target_size", 640),
            config.flag("use_meanflow", false));
    config.finish();
    return read;
  }

  /** Features of a token. */
  int width() {
    return heads * headDim;
  }

  /**
   * Bytes that a prediction takes beside the weights, at its largest: in the feed-forward part
   * three tensors of tokens and one of the inner features; in self-attention the input, its norm,
   * query, key and value, the three again with video and text together, the result, a backend's
   * copy of it, its two parts, and their projection.
   *
   * @param tokens of the video and the text
   */
  long workingBytes(long tokens) {
    long features = Math.max(3L * width() + feedForward, 12L * width());
    return Math.multiplyExact(tokens, features * Float.BYTES);
  }

  /** The tensors of the transformer, as diffusers names them. */
  TensorShapes tensors() {
    int width = width();
    TensorShapes shapes =
        new TensorShapes()
            .add(
                "x_embedder.proj.weight",
                width,
                channels.in(),
                patch.frames(),
                patch.side(),
                patch.side())
            .add("x_embedder.proj.bias", width)
            .addLinear("image_embedder.linear_1", texts.image(), texts.image())
            .addLinear("image_embedder.linear_2", width, texts.image())
            .add("cond_type_embed.weight", 3, width)
            .addLinear("context_embedder_2.linear_1", texts.glyphHidden(), texts.glyphs())
            .addLinear("context_embedder_2.linear_2", texts.glyphHidden(), texts.glyphHidden())
            .addLinear("context_embedder_2.linear_3", width, texts.glyphHidden())
            .addLinear("context_embedder.proj_in", width, texts.text());
    LayerNorm.addTensors(shapes, "image_embedder.norm_in", texts.image());
    LayerNorm.addTensors(shapes, "image_embedder.norm_out", width);
    LayerNorm.addTensors(shapes, "context_embedder_2.norm", texts.glyphs());
    String condition = "context_embedder.time_text_embed.";
    addTime(shapes, TIME);
    addTime(shapes, condition + "timestep_embedder");
    if (meanFlow) {
      addTime(shapes, NEXT_TIME);
    }
    shapes
        .addLinear(condition + "text_embedder.linear_1", width, texts.text())
        .addLinear(condition + "text_embedder.linear_2", width, width);
    for (int layer = 0; layer < refinerLayers; layer++) {
      String prefix = refinerPrefix(layer);
      LayerNorm.addTensors(shapes, prefix + "norm1", width);
      LayerNorm.addTensors(shapes, prefix + "norm2", width);
      for (String projection : new String[] {"to_q", "to_k", "to_v", "to_out.0"}) {
        shapes.addLinear(prefix + "attn." + projection, width, width);
      }
      addFeedForward(shapes, prefix + "ff.", REFINER_RATIO * width);
      shapes.addLinear(prefix + "norm_out.linear", 2L * width, width);
    }
    for (int layer = 0; layer < layers; layer++) {
      String prefix = blockPrefix(layer);
      for (String projection :
          new String[] {
            "to_q",
            "to_k",
            "to_v",
            "to_out.0",
            "add_q_proj",
            "add_k_proj",
            "add_v_proj",
            "to_add_out"
          }) {
        shapes.addLinear(prefix + "attn." + projection, width, width);
      }
      for (String norm : new String[] {"norm_q", "norm_k", "norm_added_q", "norm_added_k"}) {
        shapes.add(prefix + "attn." + norm + ".weight", headDim);
      }
      for (String stream : new String[] {"", "_context"}) {
        addFeedForward(shapes, prefix + "ff" + stream + ".", feedForward);
        shapes.addLinear(prefix + "norm1" + stream + ".linear", 6L * width, width);
      }
    }
    return shapes
        .addLinear(HunyuanNames.HEAD_SCALE, width, width)
        .addLinear(HunyuanNames.HEAD_SHIFT, width, width)
        .addLinear("proj_out", (long) channels.out() * patch.size(), width);
  }

  private void addTime(TensorShapes shapes, String name) {
    shapes
        .addLinear(name + ".linear_1", width(), TIME_FEATURES)
        .addLinear(name + ".linear_2", width(), width());
  }

  private void addFeedForward(TensorShapes shapes, String prefix, int inner) {
    shapes
        .addLinear(prefix + "net.0.proj", inner, width())
        .addLinear(prefix + "net.2", width(), inner);
  }

  /** What the names of a refiner block's tensors begin with. */
  static String refinerPrefix(int layer) {
    return "context_embedder.token_refiner.refiner_blocks." + layer + ".";
  }

  /** What the names of a block's tensors begin with. */
  static String blockPrefix(int layer) {
    return "transformer_blocks." + layer + ".";
  }
}
