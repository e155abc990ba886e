// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.text;

import java.util.Arrays;
import java.util.Set;
import java.util.stream.IntStream;
import org.lvsa.toolkit.attention.Qkv;
import org.lvsa.toolkit.attention.QkvLayer;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Embedding;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.SoftmaxAttention;
import org.lvsa.toolkit.layers.WeightShare;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.Renaming;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The encoder of the T5 family in its gated form, which turns tokens into embeddings: T5 v1.1
 * (Raffel et al. 2020, Shazeer 2020), ByT5 (Xue et al. 2022), whose tokens are bytes, and UMT5
 * (Chung et al. 2023). Layers of self-attention, whose scores are not scaled and have a bias by
 * relative position, and of a gated feed-forward part. UMT5 has a table of biases for each layer,
 * the others have one that all layers share: {@link T5Config#biasPerLayer}, which is read from the
 * folder's {@code config.json}, so that one class serves all of them. Weights may be narrower; the
 * computation is in float32.
 */
public final class T5Encoder implements AutoCloseable {
  private static final String LAYER = "encoder.block.$1.layer.";

  /**
   * The names in the publisher's own repository of Wan, as those of transformers; query, key and
   * value are one layer.
   */
  private static final Renaming NAMES =
      Renaming.of("^token_embedding\\.", "shared.")
          .then("^norm\\.weight$", "encoder.final_layer_norm.weight")
          .then("^blocks\\.(\\d+)\\.norm1\\.", LAYER + "0.layer_norm.")
          .then("^blocks\\.(\\d+)\\.norm2\\.", LAYER + "1.layer_norm.")
          .then("^blocks\\.(\\d+)\\.attn\\.", LAYER + "0.SelfAttention.")
          .then(
              "^blocks\\.(\\d+)\\.pos_embedding\\.embedding\\.",
              LAYER + "0.SelfAttention.relative_attention_bias.")
          .then("^blocks\\.(\\d+)\\.ffn\\.gate\\.0\\.", LAYER + "1.DenseReluDense.wi_0.")
          .then("^blocks\\.(\\d+)\\.ffn\\.fc1\\.", LAYER + "1.DenseReluDense.wi_1.")
          .then("^blocks\\.(\\d+)\\.ffn\\.fc2\\.", LAYER + "1.DenseReluDense.wo.")
          .stack("(.*\\.SelfAttention\\.)qkv\\.weight", "$1q.weight", "$1k.weight", "$1v.weight");

  private final T5Config config;
  private final Weights weights;
  private final Embedding embeddings;
  private final Layer[] layers;
  private final float[] finalNorm;

  /**
   * An encoder with weights that are already checked.
   *
   * @param weights closed together with the encoder
   */
  public T5Encoder(T5Config config, Weights weights) {
    this.config = config;
    this.weights = weights;
    embeddings = new Embedding(weights.get("shared.weight"));
    layers =
        IntStream.range(0, config.layers())
            .mapToObj(layer -> new Layer(config, weights, layer))
            .toArray(Layer[]::new);
    finalNorm = weights.floats("encoder.final_layer_norm.weight");
  }

  /**
   * Reads a published text encoder.
   *
   * @param allowUnused whether the weights may hold tensors that the encoder does not need
   * @throws org.lvsa.toolkit.io.MalformedFileException naming what does not fit
   */
  public static T5Encoder open(ComponentFiles files, boolean allowUnused) {
    T5Config config = T5Config.of(ComponentConfig.read(files.folder()));
    Weights weights = Weights.open(files.weights(), NAMES);
    try {
      // A copy of shared.weight that some files hold under a second name.
      weights.check(config.tensors(), Set.of("encoder.embed_tokens.weight"), allowUnused);
      return new T5Encoder(config, weights);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /** The encoder's sizes. */
  public T5Config config() {
    return config;
  }

  /**
   * Encodes prompts.
   *
   * @param ids tokens of each prompt; the prompts may differ in length
   * @return {@code [prompts, longest length, width]}, zeros behind the end of a shorter prompt
   */
  public INDArray encode(int[][] ids) {
    int longest = Arrays.stream(ids).mapToInt(prompt -> prompt.length).max().orElse(0);
    int[] lengths = Arrays.stream(ids).mapToInt(prompt -> prompt.length).toArray();
    int[][] padded =
        Arrays.stream(ids).map(prompt -> Arrays.copyOf(prompt, longest)).toArray(int[][]::new);
    INDArray out = encode(padded, lengths, Observer.NONE);
    for (int prompt = 0; prompt < ids.length; prompt++) {
      NdMemory.view(out)
          .asSlice(
              ((long) prompt * longest + lengths[prompt]) * config.width() * Float.BYTES,
              (long) (longest - lengths[prompt]) * config.width() * Float.BYTES)
          .fill((byte) 0);
    }
    return out;
  }

  /**
   * Encodes prompts of one padded length, and computes the rows of the padding too, as the
   * published encoder does.
   *
   * @param ids tokens, the same number for each prompt
   * @param lengths how many tokens of each prompt count; no token attends to those behind
   * @param observer is shown each layer
   * @return {@code [prompts, tokens, width]}
   */
  public INDArray encode(int[][] ids, int[] lengths, Observer observer) {
    INDArray hidden = embeddings.of(ids);
    observer.see("embed", hidden);
    for (int layer = 0; layer < layers.length; layer++) {
      layers[layer].apply(hidden, lengths, "layer" + layer, observer);
      observer.see("layer" + layer, hidden);
    }
    try (hidden) {
      return Norms.rmsNorm(hidden, finalNorm, config.eps());
    }
  }

  /** The position bias of a layer for each distance from query to key, for tests. */
  float[][] positionBias(int layer, int tokens) {
    return layers[layer].bias(tokens);
  }

  @Override
  public void close() {
    weights.close();
  }

  private static final class Layer {
    private final T5Config config;
    private final QkvLayer projection;
    private final Linear out;
    private final float[] attentionNorm;
    private final float[] table;
    private final Linear gate;
    private final Linear up;
    private final Linear down;
    private final float[] denseNorm;

    Layer(T5Config config, Weights weights, int layer) {
      this.config = config;
      String prefix = T5Config.prefix(layer);
      projection =
          new QkvLayer(
              WeightShare.WHOLE.stacked(weights, NAMES, prefix + "0.SelfAttention.qkv", false),
              config.headDim());
      out = Linear.withoutBias(weights, prefix + "0.SelfAttention.o");
      table =
          weights.floats(
              T5Config.prefix(config.biasLayer(layer))
                  + "0.SelfAttention.relative_attention_bias.weight");
      attentionNorm = weights.floats(prefix + "0.layer_norm.weight");
      gate = Linear.withoutBias(weights, prefix + "1.DenseReluDense.wi_0");
      up = Linear.withoutBias(weights, prefix + "1.DenseReluDense.wi_1");
      down = Linear.withoutBias(weights, prefix + "1.DenseReluDense.wo");
      denseNorm = weights.floats(prefix + "1.layer_norm.weight");
    }

    /** Changes {@code hidden} in place. */
    void apply(INDArray hidden, int[] lengths, String name, Observer observer) {
      try (INDArray normed = Norms.rmsNorm(hidden, attentionNorm, config.eps());
          INDArray attended = attend(normed, lengths)) {
        observer.see(name + ".attn", attended);
        Elementwise.add(hidden, attended);
      }
      try (INDArray normed = Norms.rmsNorm(hidden, denseNorm, config.eps());
          INDArray inner = gate.apply(normed);
          INDArray linear = up.apply(normed)) {
        Elementwise.geluTanh(inner);
        Elementwise.multiply(inner, linear);
        try (INDArray dense = down.apply(inner)) {
          observer.see(name + ".ff", dense);
          Elementwise.add(hidden, dense);
        }
      }
    }

    private INDArray attend(INDArray x, int[] lengths) {
      int tokens = Math.toIntExact(x.size(1));
      float[][] bias = bias(tokens);
      SoftmaxAttention.Bias add =
          (head, row, scores) -> {
            for (int i = 0; i < scores.length; i++) {
              scores[i] += bias[head][i - row + tokens - 1];
            }
          };
      try (Qkv qkv = projection.apply(x);
          INDArray attended =
              SoftmaxAttention.attend(qkv.query(), qkv.key(), qkv.value(), lengths, 1, add)) {
        return out.apply(attended, x.shape());
      }
    }

    /** For each head, the bias of the distances {@code 1 − tokens} to {@code tokens − 1}. */
    float[][] bias(int tokens) {
      float[][] bias = new float[config.heads()][2 * tokens - 1];
      for (int i = 0; i < 2 * tokens - 1; i++) {
        int row = config.bucket(i - tokens + 1);
        for (int head = 0; head < config.heads(); head++) {
          bias[head][i] = table[row * config.heads() + head];
        }
      }
      return bias;
    }
  }
}
