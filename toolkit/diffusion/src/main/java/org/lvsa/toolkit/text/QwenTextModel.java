// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.text;

import java.util.Set;
import java.util.stream.IntStream;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.QkvLayer;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Embedding;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Matrix;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.Rows;
import org.lvsa.toolkit.layers.SoftmaxAttention;
import org.lvsa.toolkit.layers.SoftmaxAttention.Bias;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.Renaming;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The text model of Qwen2.5-VL (Bai et al. 2025), whose inner states video models take for a
 * prompt's embeddings: layers of causal self-attention with rotary positions, in which several
 * query heads share a key head, and of a feed-forward part gated by SiLU. Weights may be F32, F16
 * or BF16; the computation is in float32.
 */
public final class QwenTextModel implements AutoCloseable {
  /**
   * A file of the whole model for pictures and text holds more, and calls this a part of it. Query,
   * key and value are one layer.
   */
  private static final Renaming NAMES =
      Renaming.of("^model\\.(language_model\\.)?", "")
          .without("visual\\..*|lm_head\\..*")
          .stack(
              "(layers\\.\\d+\\.self_attn\\.)qkv_proj\\.(weight|bias)",
              "$1q_proj.$2",
              "$1k_proj.$2",
              "$1v_proj.$2");

  private final QwenConfig config;
  private final Weights weights;
  private final Embedding embeddings;
  private final Layer[] layers;

  private QwenTextModel(QwenConfig config, Weights weights) {
    this.config = config;
    this.weights = weights;
    embeddings = new Embedding(weights.get("embed_tokens.weight"));
    layers =
        IntStream.range(0, config.layers())
            .mapToObj(layer -> new Layer(config, weights, QwenConfig.prefix(layer)))
            .toArray(Layer[]::new);
  }

  /**
   * Reads a published text encoder.
   *
   * @param allowUnused whether the weights may hold tensors that the model does not need
   * @throws org.lvsa.toolkit.io.MalformedFileException naming what does not fit
   */
  public static QwenTextModel open(ComponentFiles files, boolean allowUnused) {
    QwenConfig config = QwenConfig.of(ComponentConfig.read(files.folder()));
    Weights weights = Weights.open(files.weights(), NAMES);
    try {
      weights.check(config.tensors(), Set.of(), allowUnused);
      return new QwenTextModel(config, weights);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /** The model's sizes. */
  public QwenConfig config() {
    return config;
  }

  /**
   * The states of a text's tokens inside the model. A token sees those before it alone, so that
   * what would stand behind the text does not matter.
   *
   * @param ids numbers of the text's tokens
   * @param skipped layers at the end that do not run, nor does the final norm
   * @param observer is shown each layer's result, as {@code layer0} and so on
   * @return {@code [1, tokens, width]}
   */
  public INDArray states(int[] ids, int skipped, Observer observer) {
    if (skipped < 0 || skipped >= layers.length) {
      throw new IllegalArgumentException(
          "the text model has " + layers.length + " layers, " + skipped + " cannot be skipped");
    }
    INDArray hidden = embeddings.of(new int[][] {ids});
    Turns turns = new Turns(config, ids.length);
    for (int layer = 0; layer < layers.length - skipped; layer++) {
      layers[layer].apply(hidden, turns);
      observer.see("layer" + layer, hidden);
    }
    return hidden;
  }

  @Override
  public void close() {
    weights.close();
  }

  /** Cosines and sines of each position. Feature {@code i} turns with {@code i + headDim / 2}. */
  private static final class Turns {
    private final int half;
    private final float[][] cosines;
    private final float[][] sines;

    Turns(QwenConfig config, int tokens) {
      half = config.headDim() / 2;
      cosines = new float[tokens][half];
      sines = new float[tokens][half];
      for (int i = 0; i < half; i++) {
        // In float32, as the published model computes angles.
        float frequency = (float) Math.pow(config.ropeTheta(), -2.0 * i / config.headDim());
        for (int position = 0; position < tokens; position++) {
          float angle = position * frequency;
          cosines[position][i] = (float) Math.cos(angle);
          sines[position][i] = (float) Math.sin(angle);
        }
      }
    }

    /** Turns the heads of {@code [1, tokens, heads, headDim]}, in place. */
    void rotate(INDArray heads) {
      Matrix rows = Matrix.of(heads, Math.toIntExact(heads.size(2) * heads.size(3)));
      Rows.map(
          rows,
          rows,
          (position, row) -> {
            for (int head = 0; head < row.length; head += 2 * half) {
              for (int i = 0; i < half; i++) {
                float cosine = cosines[position][i];
                float sine = sines[position][i];
                float first = row[head + i];
                float second = row[head + half + i];
                row[head + i] = first * cosine - second * sine;
                row[head + half + i] = second * cosine + first * sine;
              }
            }
          });
    }
  }

  private static final class Layer {
    private final QwenConfig config;
    private final float[] attentionNorm;
    private final QkvLayer projection;
    private final Linear out;
    private final float[] denseNorm;
    private final Linear gate;
    private final Linear up;
    private final Linear down;

    Layer(QwenConfig config, Weights weights, String prefix) {
      this.config = config;
      attentionNorm = weights.floats(prefix + "input_layernorm.weight");
      projection =
          new QkvLayer(
              WeightShare.WHOLE.stacked(weights, NAMES, prefix + "self_attn.qkv_proj", true),
              config.headDim());
      out = Linear.withoutBias(weights, prefix + "self_attn.o_proj");
      denseNorm = weights.floats(prefix + "post_attention_layernorm.weight");
      gate = Linear.withoutBias(weights, prefix + "mlp.gate_proj");
      up = Linear.withoutBias(weights, prefix + "mlp.up_proj");
      down = Linear.withoutBias(weights, prefix + "mlp.down_proj");
    }

    /** Changes {@code hidden} in place. */
    void apply(INDArray hidden, Turns turns) {
      try (INDArray normed = Norms.rmsNorm(hidden, attentionNorm, config.eps());
          INDArray attended = attend(normed, turns)) {
        Elementwise.add(hidden, attended);
      }
      try (INDArray normed = Norms.rmsNorm(hidden, denseNorm, config.eps());
          INDArray inner = gate.apply(normed);
          INDArray linear = up.apply(normed)) {
        Elementwise.silu(inner);
        Elementwise.multiply(inner, linear);
        try (INDArray dense = down.apply(inner)) {
          Elementwise.add(hidden, dense);
        }
      }
    }

    private INDArray attend(INDArray x, Turns turns) {
      int tokens = Math.toIntExact(x.size(1));
      float scale = (float) (1 / Math.sqrt(config.headDim()));
      try (Qkv qkv = projection.apply(x)) {
        turns.rotate(qkv.query());
        turns.rotate(qkv.key());
        try (INDArray attended =
            SoftmaxAttention.attend(
                qkv.query(), qkv.key(), qkv.value(), new int[] {tokens}, scale, Bias.CAUSAL)) {
          return out.apply(attended, x.shape());
        }
      }
    }
  }
}
