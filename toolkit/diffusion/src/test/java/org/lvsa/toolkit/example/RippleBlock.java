// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.example;

import java.util.Optional;
import org.lvsa.toolkit.attention.Attended;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.RotaryTable;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/** One block: attention of video and text together, then a feed-forward part for each token. */
final class RippleBlock {
  static final double EPS = 1e-6;

  private final RippleConfig config;
  private final int layer;
  private final Linear query;
  private final Linear key;
  private final Linear value;
  private final Linear out;
  private final Linear up;
  private final Linear down;

  RippleBlock(RippleConfig config, Weights weights, int layer) {
    this.config = config;
    this.layer = layer;
    String prefix = "blocks." + layer + ".";
    query = Linear.of(weights, prefix + "attn.to_q");
    key = Linear.of(weights, prefix + "attn.to_k");
    value = Linear.of(weights, prefix + "attn.to_v");
    out = Linear.of(weights, prefix + "attn.to_out");
    up = Linear.of(weights, prefix + "ff.up");
    down = Linear.of(weights, prefix + "ff.down");
  }

  /** Changes video and text in place, both {@code [batch, tokens, width]}. */
  void apply(INDArray video, INDArray text, RotaryTable rotary, VideoSelfAttention attention) {
    try (INDArray normedVideo = Norms.layerNorm(video, EPS);
        INDArray normedText = Norms.layerNorm(text, EPS)) {
      Qkv ofVideo = project(normedVideo);
      Qkv ofText = project(normedText);
      rotary.rotate(ofVideo.query());
      rotary.rotate(ofVideo.key());
      Attended attended = attention.attend(layer, rotary.grid(), ofVideo, Optional.of(ofText));
      add(video, attended.video());
      add(text, attended.text().orElseThrow());
      close(ofVideo);
      close(ofText);
    }
    feedForward(video);
    feedForward(text);
  }

  private Qkv project(INDArray x) {
    long[] heads = {x.size(0), x.size(1), config.heads(), config.headDim()};
    return new Qkv(query.apply(x, heads), key.apply(x, heads), value.apply(x, heads));
  }

  private void add(INDArray x, INDArray heads) {
    try (heads;
        INDArray change = out.apply(heads, x.shape())) {
      Elementwise.add(x, change);
    }
  }

  private static void close(Qkv tensors) {
    tensors.query().close();
    tensors.key().close();
    tensors.value().close();
  }

  private void feedForward(INDArray x) {
    try (INDArray normed = Norms.layerNorm(x, EPS);
        INDArray inner = up.apply(normed)) {
      Elementwise.geluTanh(inner);
      try (INDArray change = down.apply(inner)) {
        Elementwise.add(x, change);
      }
    }
  }
}
