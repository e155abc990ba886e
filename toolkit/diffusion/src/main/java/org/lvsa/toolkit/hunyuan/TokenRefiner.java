// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.stream.IntStream;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.QkvLayer;
import org.lvsa.toolkit.hunyuan.Condition.Embedder;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.LayerNorm;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.SoftmaxAttention;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Brings the language model's states to the transformer's width: blocks of self-attention among
 * them, gated by the time step and by the mean of the states.
 */
final class TokenRefiner {
  private final HunyuanConfig config;
  private final Embedder time;
  private final Embedder text;
  private final Linear projection;
  private final Block[] blocks;

  TokenRefiner(HunyuanConfig config, Weights weights) {
    this.config = config;
    time = Embedder.of(weights, "context_embedder.time_text_embed.timestep_embedder");
    text = Embedder.of(weights, "context_embedder.time_text_embed.text_embedder");
    projection = Linear.of(weights, "context_embedder.proj_in");
    blocks =
        IntStream.range(0, config.refinerLayers())
            .mapToObj(layer -> new Block(weights, HunyuanConfig.refinerPrefix(layer)))
            .toArray(Block[]::new);
  }

  /**
   * Refines the states of one text.
   *
   * @param states {@code [1, tokens, textWidth]}, real tokens alone
   * @return {@code [1, tokens, width]}, a new tensor
   */
  INDArray apply(INDArray states, float timestep, Observer observer) {
    INDArray x = projection.apply(states);
    observer.see("refiner.proj_in", x);
    try (INDArray condition = condition(states, timestep)) {
      observer.see("refiner.temb", condition);
      for (int layer = 0; layer < blocks.length; layer++) {
        blocks[layer].apply(x, condition, "refiner.block" + layer, observer);
        observer.see("refiner.block" + layer, x);
      }
    }
    observer.see("refiner.out", x);
    return x;
  }

  private INDArray condition(INDArray states, float timestep) {
    INDArray condition = time.time(timestep);
    try (INDArray mean = states.mean(1).dup('c');
        INDArray embedded = text.apply(mean)) {
      Elementwise.add(condition, embedded);
    }
    return condition;
  }

  private final class Block {
    private final LayerNorm norm1;
    private final QkvLayer projection;
    private final Linear out;
    private final LayerNorm norm2;
    private final FeedForward feedForward;
    private final Linear gates;

    Block(Weights weights, String prefix) {
      norm1 = LayerNorm.of(weights, prefix + "norm1", HunyuanConfig.EPS);
      projection =
          new QkvLayer(
              WeightShare.WHOLE.stacked(
                  weights, HunyuanNames.TRANSFORMER, prefix + "attn.to_qkv", true),
              config.headDim());
      out = Linear.of(weights, prefix + "attn.to_out.0");
      norm2 = LayerNorm.of(weights, prefix + "norm2", HunyuanConfig.EPS);
      feedForward = FeedForward.of(weights, prefix + "ff.", Elementwise::silu);
      gates = Linear.of(weights, prefix + "norm_out.linear");
    }

    /** Changes {@code x} in place. */
    void apply(INDArray x, INDArray condition, String name, Observer observer) {
      float[][][] gate = Condition.parts(gates, condition);
      try (INDArray normed = norm1.apply(x);
          INDArray attended = attend(normed)) {
        observer.see(name + ".attn", attended);
        Elementwise.addGated(x, gate[0], attended);
      }
      try (INDArray normed = norm2.apply(x);
          INDArray dense = feedForward.apply(normed)) {
        Elementwise.addGated(x, gate[1], dense);
      }
    }

    private INDArray attend(INDArray x) {
      try (Qkv qkv = projection.apply(x);
          INDArray attended = SoftmaxAttention.attend(qkv.query(), qkv.key(), qkv.value())) {
        return out.apply(attended, x.shape());
      }
    }
  }
}
