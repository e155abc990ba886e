// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.Optional;
import org.lvsa.toolkit.attention.RotaryTable;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.HeadProjections;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.SoftmaxAttention;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * One block: self-attention among the video's tokens, cross-attention to the text, and to the
 * tokens of pictures where the model takes them, feed-forward. The time step shifts and scales what
 * goes into the first and the last and gates what comes out.
 */
final class WanBlock {
  private final WanConfig config;
  private final int layer;
  private final Projections self;
  private final Projections cross;
  private final Optional<AddedProjections> added;
  private final Linear up;
  private final Linear down;
  private final Optional<CrossNorm> crossNorm;
  private final Modulation modulation;

  WanBlock(WanConfig config, Weights weights, WeightShare share, int layer) {
    this.config = config;
    this.layer = layer;
    String prefix = "blocks." + layer + ".";
    self = new Projections(config, weights, share, prefix + "attn1.");
    cross = new Projections(config, weights, share, prefix + "attn2.");
    added =
        config
            .image()
            .map(image -> new AddedProjections(config, weights, share, prefix + "attn2."));
    up = share.giving(weights, prefix + "ffn.net.0.proj");
    down = share.taking(weights, prefix + "ffn.net.2");
    crossNorm =
        config.crossAttentionNorm()
            ? Optional.of(
                new CrossNorm(
                    weights.floats(prefix + "norm2.weight"), weights.floats(prefix + "norm2.bias")))
            : Optional.empty();
    modulation = new Modulation(weights.floats(prefix + "scale_shift_table"), config.width());
  }

  /**
   * Applies the block in place.
   *
   * @param x {@code [batch, tokens, width]}
   * @param context text and pictures
   * @param time the six modulations of each time step
   */
  void apply(
      INDArray x,
      Context context,
      float[][] time,
      RotaryTable rotary,
      VideoSelfAttention attention,
      Observer observer) {
    String name = "b" + layer + ".";
    observer.see(name + "norm1", () -> Norms.layerNorm(x, config.eps()));
    try (INDArray in = modulated(x, 0, time)) {
      observer.see(name + "attn1_in", in);
      try (INDArray out =
          attention
              .blocks()
              .attention(
                  BlockRunner.Attention.SELF,
                  layer,
                  () -> selfAttention(in, rotary, attention, observer))) {
        observer.see(name + "attn1_out", out);
        Elementwise.addGated(x, modulation.row(2, time), out);
      }
    }
    observer.see(name + "after_self_attn", x);
    try (INDArray crossIn = crossInput(x)) {
      observer.see(name + "attn2_in", crossIn);
      try (INDArray out =
          attention
              .blocks()
              .attention(
                  BlockRunner.Attention.CROSS,
                  layer,
                  () -> crossAttention(crossIn, context, observer))) {
        observer.see(name + "attn2_out", out);
        Elementwise.add(x, out);
      }
    }
    observer.see(name + "after_cross_attn", x);
    try (INDArray in = modulated(x, 3, time)) {
      observer.see(name + "ffn_in", in);
      try (INDArray inner = up.apply(in)) {
        Elementwise.geluTanh(inner);
        try (INDArray out = down.apply(inner)) {
          observer.see(name + "ffn_out", out);
          Elementwise.addGated(x, modulation.row(5, time), out);
        }
      }
    }
    observer.see(name + "out", x);
  }

  /** What the self-attention takes of {@code x}: a new tensor. */
  INDArray modulated(INDArray x, float[][] time) {
    return modulated(x, 0, time);
  }

  private INDArray crossInput(INDArray x) {
    return crossNorm
        .map(norm -> Norms.layerNorm(x, norm.weight(), norm.bias(), config.eps()))
        .orElseGet(() -> x.dup('c'));
  }

  private record CrossNorm(float[] weight, float[] bias) {}

  private INDArray modulated(INDArray x, int firstRow, float[][] time) {
    float[][] shift = modulation.row(firstRow, time);
    float[][] scale = Modulation.onePlus(modulation.row(firstRow + 1, time));
    return Norms.layerNorm(x, scale, shift, config.eps());
  }

  private INDArray selfAttention(
      INDArray x, RotaryTable rotary, VideoSelfAttention attention, Observer observer) {
    String name = "b" + layer + ".attn1.";
    try (INDArray query = self.query(x);
        INDArray key = self.key(x);
        INDArray value = self.value(x)) {
      rotary.rotate(query);
      rotary.rotate(key);
      observer.see(name + "q", query);
      observer.see(name + "k", key);
      observer.see(name + "v", value);
      try (INDArray out = attention.attend(layer, query, key, value, rotary.grid())) {
        observer.see(name + "o", out);
        return self.out(out);
      }
    }
  }

  /**
   * What the cross-attention sees.
   *
   * @param text {@code [batch, textTokens, width]}
   * @param image {@code [batch, imageTokens, width]}; empty where the model takes no pictures
   */
  record Context(INDArray text, Optional<INDArray> image) implements AutoCloseable {
    @Override
    public void close() {
      text.close();
      image.ifPresent(INDArray::close);
    }
  }

  /** The same queries attend to the text and to the pictures, each for itself, and add up. */
  private INDArray crossAttention(INDArray x, Context context, Observer observer) {
    String name = "b" + layer + ".attn2";
    try (INDArray query = cross.query(x)) {
      if (added.isEmpty()) {
        try (INDArray out =
            attend(query, cross.key(context.text()), cross.value(context.text()), name, observer)) {
          return cross.out(out);
        }
      }
      INDArray image = context.image().orElseThrow();
      try (INDArray toImage =
              attend(query, added.get().key(image), added.get().value(image), name, observer);
          INDArray out =
              attend(
                  query,
                  cross.key(context.text()),
                  cross.value(context.text()),
                  name + "_text",
                  observer)) {
        Elementwise.add(out, toImage);
        return cross.out(out);
      }
    }
  }

  /** Attends and frees key and value. */
  private static INDArray attend(
      INDArray query, INDArray key, INDArray value, String name, Observer observer) {
    try (key;
        value) {
      observer.see(name + ".q", query);
      observer.see(name + ".k", key);
      observer.see(name + ".v", value);
      INDArray out = SoftmaxAttention.attend(query, key, value);
      observer.see(name + ".o", out);
      return out;
    }
  }

  /** The linear layers that make key and value of the tokens of pictures. */
  private static final class AddedProjections {
    private final WanConfig config;
    private final WeightShare share;
    private final Linear key;
    private final Linear value;
    private final float[] keyNorm;

    AddedProjections(WanConfig config, Weights weights, WeightShare share, String prefix) {
      this.config = config;
      this.share = share;
      key = share.giving(weights, prefix + "add_k_proj");
      value = share.giving(weights, prefix + "add_v_proj");
      keyNorm = share.of(weights.floats(prefix + "norm_added_k.weight"));
    }

    INDArray key(INDArray x) {
      INDArray heads = HeadProjections.headed(key, x, share.of(config.heads()));
      share.rmsNormInPlace(heads, keyNorm, config.eps());
      return heads;
    }

    INDArray value(INDArray x) {
      return HeadProjections.headed(value, x, share.of(config.heads()));
    }
  }

  /** The linear layers of an attention, with RMS norms of query and key over all heads at once. */
  private static final class Projections {
    private final WanConfig config;
    private final WeightShare share;
    private final HeadProjections heads;
    private final Linear out;
    private final float[] queryNorm;
    private final float[] keyNorm;

    Projections(WanConfig config, Weights weights, WeightShare share, String prefix) {
      this.config = config;
      this.share = share;
      heads =
          HeadProjections.of(
              share, weights, HeadProjections.Names.of(prefix, true), config.heads());
      out = share.taking(weights, prefix + "to_out.0");
      queryNorm = share.of(weights.floats(prefix + "norm_q.weight"));
      keyNorm = share.of(weights.floats(prefix + "norm_k.weight"));
    }

    INDArray query(INDArray x) {
      return normed(heads.query(x), queryNorm);
    }

    INDArray key(INDArray x) {
      return normed(heads.key(x), keyNorm);
    }

    INDArray value(INDArray x) {
      return heads.value(x);
    }

    INDArray out(INDArray attended) {
      return out.apply(attended, new long[] {attended.size(0), attended.size(1), config.width()});
    }

    private INDArray normed(INDArray x, float[] weight) {
      share.rmsNormInPlace(x, weight, config.eps());
      return x;
    }
  }
}
