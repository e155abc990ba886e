// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.QkvLayer;
import org.lvsa.toolkit.attention.RotaryTable;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.SoftmaxAttention;
import org.lvsa.toolkit.layers.StackedLinear;
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
  private final SelfAttention self;
  private final CrossAttention cross;
  private final Linear up;
  private final Linear down;
  private final Optional<CrossNorm> crossNorm;
  private final Modulation modulation;

  WanBlock(WanConfig config, Weights weights, WeightShare share, int layer) {
    this.config = config;
    this.layer = layer;
    String prefix = "blocks." + layer + ".";
    self = new SelfAttention(config, weights, share, prefix + "attn1.");
    cross = new CrossAttention(config, weights, share, prefix + "attn2.");
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
    try (Qkv qkv = self.project(x)) {
      rotary.rotate(qkv.query());
      rotary.rotate(qkv.key());
      observer.see(name + "q", qkv.query());
      observer.see(name + "k", qkv.key());
      observer.see(name + "v", qkv.value());
      try (INDArray out = attention.attend(layer, rotary.grid(), qkv, Optional.empty()).video()) {
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
      if (context.image().isEmpty()) {
        try (INDArray out = attend(query, cross.text(context.text()), name, observer)) {
          return cross.out(out);
        }
      }
      try (INDArray toImage = attend(query, cross.image(context.image().get()), name, observer);
          INDArray out = attend(query, cross.text(context.text()), name + "_text", observer)) {
        Elementwise.add(out, toImage);
        return cross.out(out);
      }
    }
  }

  /** Attends and frees key and value. */
  private static INDArray attend(INDArray query, KeyValue context, String name, Observer observer) {
    try (context) {
      observer.see(name + ".q", query);
      observer.see(name + ".k", context.key());
      observer.see(name + ".v", context.value());
      INDArray out = SoftmaxAttention.attend(query, context.key(), context.value());
      observer.see(name + ".o", out);
      return out;
    }
  }

  /** Keys and values of the same tokens. */
  private record KeyValue(INDArray key, INDArray value) implements AutoCloseable {
    @Override
    public void close() {
      key.close();
      value.close();
    }
  }

  /** The layers among the video's tokens. */
  private static final class SelfAttention {
    private final QkvLayer projection;
    private final HeadsNorm queryNorm;
    private final HeadsNorm keyNorm;
    private final Linear out;

    SelfAttention(WanConfig config, Weights weights, WeightShare share, String prefix) {
      projection =
          new QkvLayer(
              share.stacked(weights, WanNames.TRANSFORMER, prefix + "to_qkv", true),
              config.headDim());
      queryNorm = HeadsNorm.of(config, weights, share, prefix + "norm_q.weight");
      keyNorm = HeadsNorm.of(config, weights, share, prefix + "norm_k.weight");
      out = share.taking(weights, prefix + "to_out.0");
    }

    Qkv project(INDArray x) {
      Qkv qkv = projection.apply(x);
      queryNorm.apply(qkv.query());
      keyNorm.apply(qkv.key());
      return qkv;
    }

    INDArray out(INDArray attended) {
      return output(out, attended);
    }
  }

  /** The layers between the video's tokens and those of text and pictures. */
  private static final class CrossAttention {
    private final int headDim;
    private final StackedLinear query;
    private final HeadsNorm queryNorm;
    private final Source text;
    private final Optional<Source> image;
    private final Linear out;

    CrossAttention(WanConfig config, Weights weights, WeightShare share, String prefix) {
      headDim = config.headDim();
      query = new StackedLinear(List.of(share.giving(weights, prefix + "to_q")));
      queryNorm = HeadsNorm.of(config, weights, share, prefix + "norm_q.weight");
      text =
          new Source(
              share.stacked(weights, WanNames.TRANSFORMER, prefix + "to_kv", true),
              HeadsNorm.of(config, weights, share, prefix + "norm_k.weight"));
      image =
          config
              .image()
              .map(
                  tokens ->
                      new Source(
                          share.stacked(
                              weights, WanNames.TRANSFORMER, prefix + "to_added_kv", true),
                          HeadsNorm.of(config, weights, share, prefix + "norm_added_k.weight")));
      out = share.taking(weights, prefix + "to_out.0");
    }

    /** What makes keys and values of tokens that are attended to. */
    private record Source(StackedLinear projection, HeadsNorm keyNorm) {
      KeyValue apply(INDArray tokens, int headDim) {
        List<INDArray> parts = projection.heads(tokens, headDim);
        keyNorm.apply(parts.getFirst());
        return new KeyValue(parts.getFirst(), parts.getLast());
      }
    }

    INDArray query(INDArray x) {
      INDArray heads = query.heads(x, headDim).getFirst();
      queryNorm.apply(heads);
      return heads;
    }

    KeyValue text(INDArray tokens) {
      return text.apply(tokens, headDim);
    }

    KeyValue image(INDArray tokens) {
      return image.orElseThrow().apply(tokens, headDim);
    }

    INDArray out(INDArray attended) {
      return output(out, attended);
    }
  }

  private static INDArray output(Linear layer, INDArray attended) {
    return layer.apply(attended, new long[] {attended.size(0), attended.size(1), layer.out()});
  }

  /** An RMS norm over all heads at once, in place. */
  private record HeadsNorm(WeightShare share, float[] weight, double eps) {
    static HeadsNorm of(WanConfig config, Weights weights, WeightShare share, String name) {
      return new HeadsNorm(share, share.of(weights.floats(name)), config.eps());
    }

    void apply(INDArray heads) {
      share.rmsNormInPlace(heads, weight, eps);
    }
  }
}
