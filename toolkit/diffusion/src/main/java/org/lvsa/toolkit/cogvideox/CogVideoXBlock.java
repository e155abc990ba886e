// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.util.Optional;
import org.lvsa.toolkit.attention.Attended;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.QkvLayer;
import org.lvsa.toolkit.attention.RotaryTable;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * One block: attention of video and text together, then a feed-forward part for each token. Video
 * and text share the layers; the time step shifts, scales and gates each in its own way.
 */
final class CogVideoXBlock {
  /** Added in the norms of query and key; no setting changes it. */
  private static final double HEAD_EPS = 1e-6;

  /** Where a {@link TimedNorm} has the video's shift, scale and gate, and then the text's. */
  private static final int VIDEO = 0;

  private static final int TEXT = 3;
  private static final int GATE = 2;

  private final CogVideoXConfig config;
  private final int layer;
  private final TimedNorm norm1;
  private final QkvLayer projection;
  private final Linear out;
  private final HeadNorm queryNorm;
  private final HeadNorm keyNorm;
  private final TimedNorm norm2;
  private final Linear up;
  private final Linear down;

  CogVideoXBlock(CogVideoXConfig config, Weights weights, WeightShare share, int layer) {
    this.config = config;
    this.layer = layer;
    String prefix = "transformer_blocks." + layer + ".";
    norm1 = TimedNorm.ofBoth(weights, prefix + "norm1.", config.eps());
    projection =
        new QkvLayer(
            share.stacked(
                weights,
                CogVideoXNames.TRANSFORMER,
                prefix + "attn1.to_qkv",
                config.biases().attention()),
            config.headDim());
    out = share.taking(weights, prefix + "attn1.to_out.0");
    queryNorm = HeadNorm.of(weights, prefix + "attn1.norm_q");
    keyNorm = HeadNorm.of(weights, prefix + "attn1.norm_k");
    norm2 = TimedNorm.ofBoth(weights, prefix + "norm2.", config.eps());
    up = share.giving(weights, prefix + "ff.net.0.proj");
    down = share.taking(weights, prefix + "ff.net.2");
  }

  /**
   * What goes through the blocks, changed in place.
   *
   * @param video {@code [batch, tokens, width]}
   * @param text {@code [batch, textTokens, width]}
   */
  record Streams(INDArray video, INDArray text) {}

  /**
   * What a prediction gives each block.
   *
   * @param time the time step's embedding after its activation, {@code [batch, timeWidth]}
   * @param grid how the video's tokens lie
   * @param rotary turns queries and keys of the video; empty where tokens know their places
   * @param attention of video and text together
   */
  record Context(
      INDArray time,
      VideoGrid grid,
      Optional<RotaryTable> rotary,
      VideoSelfAttention attention,
      Observer observer) {}

  void apply(Streams x, Context context) {
    String name = "b" + layer + ".";
    Observer observer = context.observer();
    TimedNorm.AtTime first = norm1.at(context.time());
    observer.see(name + "norm1.gate", () -> tensor(first.part(VIDEO + GATE)));
    observer.see(name + "norm1.text_gate", () -> tensor(first.part(TEXT + GATE)));
    try (INDArray attended = attended(x, first, context);
        INDArray video = NdMemory.tokens(attended, 0, x.video().size(1));
        INDArray text = NdMemory.tokens(attended, x.video().size(1), attended.size(1))) {
      observer.see(name + "attn1.video", video);
      observer.see(name + "attn1.text", text);
      Elementwise.addGated(x.video(), first.part(VIDEO + GATE), video);
      Elementwise.addGated(x.text(), first.part(TEXT + GATE), text);
    }
    TimedNorm.AtTime second = norm2.at(context.time());
    feedForward(x.video(), second, VIDEO, name, ".video", observer);
    feedForward(x.text(), second, TEXT, name, ".text", observer);
    observer.see(name + "out.video", x.video());
    observer.see(name + "out.text", x.text());
  }

  private static INDArray tensor(float[][] rows) {
    return Nd4j.createFromArray(rows);
  }

  /** What the attention takes of the video: a new tensor. */
  INDArray modulated(INDArray video, INDArray time) {
    return norm1.at(time).apply(video, VIDEO);
  }

  /**
   * Video and then text after attention and its output layer, {@code [batch, all tokens, width]}.
   */
  private INDArray attended(Streams x, TimedNorm.AtTime norm, Context context) {
    String name = "b" + layer + ".norm1.";
    try (INDArray video = norm.apply(x.video(), VIDEO);
        INDArray text = norm.apply(x.text(), TEXT)) {
      context.observer().see(name + "video", video);
      context.observer().see(name + "text", text);
      return context
          .attention()
          .blocks()
          .attention(BlockRunner.Attention.SELF, layer, () -> attention(video, text, context));
    }
  }

  private INDArray attention(INDArray video, INDArray text, Context context) {
    String name = "b" + layer + ".lvsa.";
    Observer observer = context.observer();
    try (Qkv ofVideo = project(video);
        Qkv ofText = project(text)) {
      context.rotary().ifPresent(rotary -> rotary.rotate(ofVideo.query()));
      context.rotary().ifPresent(rotary -> rotary.rotate(ofVideo.key()));
      observer.see(name + "q", ofVideo.query());
      observer.see(name + "k", ofVideo.key());
      observer.see(name + "v", ofVideo.value());
      Attended attended =
          context.attention().attend(layer, context.grid(), ofVideo, Optional.of(ofText));
      try (INDArray videoHeads = attended.video();
          INDArray textHeads = attended.text().orElseThrow();
          INDArray videoOut = out.apply(videoHeads, video.shape());
          INDArray textOut = out.apply(textHeads, text.shape())) {
        observer.see(name + "out", videoHeads);
        return Nd4j.concat(1, videoOut, textOut);
      }
    }
  }

  /** Query, key and value, the first two normed. */
  private Qkv project(INDArray x) {
    Qkv raw = projection.apply(x);
    return new Qkv(normed(raw.query(), queryNorm), normed(raw.key(), keyNorm), raw.value());
  }

  /** The norm of each head, in place of what is given. */
  private static INDArray normed(INDArray raw, HeadNorm norm) {
    try (raw) {
      return Norms.layerNorm(raw, norm.weight(), norm.bias(), HEAD_EPS);
    }
  }

  private void feedForward(
      INDArray x, TimedNorm.AtTime norm, int part, String name, String of, Observer observer) {
    try (INDArray in = norm.apply(x, part)) {
      observer.see(name + "norm2" + of, in);
      try (INDArray inner = up.apply(in)) {
        Elementwise.geluTanh(inner);
        try (INDArray dense = down.apply(inner)) {
          observer.see(name + "ff" + of, dense);
          Elementwise.addGated(x, norm.part(part + GATE), dense);
        }
      }
    }
  }

  /** The layer norm of each head's query or key. */
  private record HeadNorm(float[] weight, float[] bias) {
    static HeadNorm of(Weights weights, String name) {
      return new HeadNorm(weights.floats(name + ".weight"), weights.floats(name + ".bias"));
    }
  }
}
