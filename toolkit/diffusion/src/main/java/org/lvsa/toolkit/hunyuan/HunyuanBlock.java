// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.attention.Attended;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.QkvLayer;
import org.lvsa.toolkit.attention.RotaryTable;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.BlockRunner;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Matrix;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * One block: video and text have layers of their own and attend together. The time step shifts and
 * scales what goes into attention and feed-forward and gates what comes out.
 */
final class HunyuanBlock {
  private final HunyuanConfig config;
  private final int layer;
  private final Stream video;
  private final Stream text;

  HunyuanBlock(HunyuanConfig config, Weights weights, WeightShare share, int layer) {
    this.config = config;
    this.layer = layer;
    String prefix = HunyuanConfig.blockPrefix(layer);
    video =
        new Stream(
            config,
            weights,
            share,
            new Names(prefix, "to_qkv", "norm_q", "norm_k", "to_out.0", ""));
    text =
        new Stream(
            config,
            weights,
            share,
            new Names(
                prefix, "to_added_qkv", "norm_added_q", "norm_added_k", "to_add_out", "_context"));
  }

  /**
   * The two streams of tokens, {@code [batch, tokens, width]} each.
   *
   * @param textTokens tokens of each text, behind which rows are padding that nobody sees
   */
  record Streams(INDArray video, INDArray text, List<Integer> textTokens) implements AutoCloseable {
    Streams(INDArray video, TextTokens.Stream text) {
      this(video, text.tokens(), text.counts());
    }

    /** Other values of the same tokens. */
    Streams with(INDArray otherVideo, INDArray otherText) {
      return new Streams(otherVideo, otherText, textTokens);
    }

    @Override
    public void close() {
      video.close();
      text.close();
    }
  }

  /**
   * Applies the block in place.
   *
   * @param x both streams
   * @param time embedding of the time step, {@code [1, width]}
   * @param rotary positions of the video's tokens; text has none
   */
  void apply(
      Streams x,
      INDArray time,
      RotaryTable rotary,
      VideoSelfAttention attention,
      Observer observer) {
    String name = "b" + layer + ".";
    float[][][] forVideo = Condition.parts(video.modulation, time);
    float[][][] forText = Condition.parts(text.modulation, time);
    try (INDArray videoIn = video.modulated(x.video(), forVideo[0], forVideo[1]);
        INDArray textIn = text.modulated(x.text(), forText[0], forText[1])) {
      observer.see(name + "norm1", videoIn);
      observer.see(name + "norm1_context", textIn);
      try (INDArray joint =
          attention
              .blocks()
              .attention(
                  BlockRunner.Attention.SELF,
                  layer,
                  () -> attend(x.with(videoIn, textIn), rotary, attention, observer))) {
        Matrix rows = Matrix.of(joint, config.width());
        int tokens = Math.toIntExact(x.video().size(0) * x.video().size(1));
        observer.see(name + "attn", () -> tokens(joint, 0, tokens));
        observer.see(name + "attn_context", () -> tokens(joint, tokens, rows.rows()));
        Elementwise.addGated(matrix(x.video()), forVideo[2], rows.rows(0, tokens));
        Elementwise.addGated(matrix(x.text()), forText[2], rows.rows(tokens, rows.rows() - tokens));
      }
    }
    video.feedForward(x.video(), forVideo, name + "ff", observer);
    text.feedForward(x.text(), forText, name + "ff_context", observer);
    observer.see(name + "out", x.video());
    observer.see(name + "out_context", x.text());
  }

  /** What the attention takes of the video's tokens: a new tensor. */
  INDArray modulated(INDArray x, INDArray time) {
    float[][][] parts = Condition.parts(video.modulation, time);
    return video.modulated(x, parts[0], parts[1]);
  }

  /**
   * Attends and projects: {@code [1, tokens, width]}, the video's tokens of all batch elements,
   * then the texts'.
   */
  private INDArray attend(
      Streams in, RotaryTable rotary, VideoSelfAttention attention, Observer observer) {
    String name = "b" + layer + ".sdpa.";
    Attended attended;
    try (Qkv ofVideo = video.project(in.video());
        Qkv ofText = text.project(in.text())) {
      rotary.rotate(ofVideo.query());
      rotary.rotate(ofVideo.key());
      observer.see(name + "q", () -> Nd4j.concat(1, ofVideo.query(), ofText.query()));
      observer.see(name + "k", () -> Nd4j.concat(1, ofVideo.key(), ofText.key()));
      observer.see(name + "v", () -> Nd4j.concat(1, ofVideo.value(), ofText.value()));
      attended =
          attention.attend(
              layer, rotary.grid(), ofVideo, Optional.of(ofText.withCounts(in.textTokens())));
    }
    INDArray textOut = attended.text().orElseThrow();
    try (INDArray videoOut = attended.video();
        textOut) {
      observer.see(name + "o", () -> Nd4j.concat(1, videoOut, textOut));
      int width = config.width();
      Matrix videoRows = Matrix.of(videoOut, video.out.in());
      Matrix textRows = Matrix.of(textOut, text.out.in());
      INDArray joint =
          Nd4j.createUninitialized(
              DataType.FLOAT, new long[] {1, videoRows.rows() + (long) textRows.rows(), width});
      Matrix rows = Matrix.of(joint, width);
      video.out.apply(videoRows, rows.rows(0, videoRows.rows()));
      text.out.apply(textRows, rows.rows(videoRows.rows(), textRows.rows()));
      return joint;
    }
  }

  private static INDArray tokens(INDArray joint, int first, int end) {
    return joint
        .get(NDArrayIndex.all(), NDArrayIndex.interval(first, end), NDArrayIndex.all())
        .dup('c');
  }

  private Matrix matrix(INDArray x) {
    return Matrix.of(x, config.width());
  }

  /** How the tensors of one stream are called. */
  private record Names(
      String prefix,
      String projection,
      String queryNorm,
      String keyNorm,
      String out,
      String suffix) {}

  /** The layers of one stream. */
  private static final class Stream {
    final Linear modulation;
    final Linear out;
    private final HunyuanConfig config;
    private final QkvLayer projection;
    private final float[] queryNorm;
    private final float[] keyNorm;
    private final FeedForward feedForward;

    Stream(HunyuanConfig config, Weights weights, WeightShare share, Names names) {
      this.config = config;
      String attention = names.prefix() + "attn.";
      modulation = Linear.of(weights, names.prefix() + "norm1" + names.suffix() + ".linear");
      projection =
          new QkvLayer(
              share.stacked(
                  weights, HunyuanNames.TRANSFORMER, attention + names.projection(), true),
              config.headDim());
      queryNorm = weights.floats(attention + names.queryNorm() + ".weight");
      keyNorm = weights.floats(attention + names.keyNorm() + ".weight");
      out = share.taking(weights, attention + names.out());
      feedForward =
          FeedForward.of(
              share, weights, names.prefix() + "ff" + names.suffix() + ".", Elementwise::geluTanh);
    }

    INDArray modulated(INDArray x, float[][] shift, float[][] scale) {
      return Norms.layerNorm(x, Condition.onePlus(scale), shift, HunyuanConfig.EPS);
    }

    /** Query, key and value, the first two with an RMS norm for each head. */
    Qkv project(INDArray x) {
      Qkv qkv = projection.apply(x);
      Norms.rmsNormInPlace(qkv.query(), queryNorm, HunyuanConfig.EPS);
      Norms.rmsNormInPlace(qkv.key(), keyNorm, HunyuanConfig.EPS);
      return qkv;
    }

    /** The feed-forward part, in place. */
    void feedForward(INDArray x, float[][][] parts, String name, Observer observer) {
      try (INDArray in = modulated(x, parts[3], parts[4]);
          INDArray dense = feedForward.apply(in)) {
        observer.see(name, dense);
        Elementwise.addGated(x, parts[5], dense);
      }
    }
  }
}
