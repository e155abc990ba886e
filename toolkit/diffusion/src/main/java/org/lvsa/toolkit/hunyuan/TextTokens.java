// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.LayerNorm;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Matrix;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.Rows;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The text tokens that attend together with the video: words in quotes, then the prompt, and on
 * request the padding that the published pipeline carries along behind them. Each kind of token has
 * an embedding of its kind added.
 */
final class TextTokens {
  /** Tokens of a picture, which a text-to-video run fills with zeros. */
  private static final int IMAGE_TOKENS = 729;

  /** Tokens of a text with its padding. */
  static final int WITH_PADDING =
      IMAGE_TOKENS + TextEmbeddings.GLYPH_TOKENS + TextEmbeddings.TEXT_TOKENS;

  /** Rows of the embeddings of kinds. */
  private static final int PROMPT = 0;

  private static final int GLYPH = 1;
  private static final int IMAGE = 2;

  private final int width;
  private final TokenRefiner refiner;
  private final LayerNorm norm;
  private final Linear first;
  private final Linear second;
  private final Linear third;
  private final float[][] kinds = new float[3][];

  TextTokens(HunyuanConfig config, Weights weights) {
    width = config.width();
    refiner = new TokenRefiner(config, weights);
    norm = LayerNorm.of(weights, "context_embedder_2.norm", HunyuanConfig.PROJECTION_EPS);
    first = Linear.of(weights, "context_embedder_2.linear_1");
    second = Linear.of(weights, "context_embedder_2.linear_2");
    third = Linear.of(weights, "context_embedder_2.linear_3");
    for (int kind = 0; kind < kinds.length; kind++) {
      kinds[kind] = new float[width];
      weights.get("cond_type_embed.weight").widen((long) kind * width, kinds[kind]);
    }
  }

  /** Tokens of a text: those that are real, or all with padding. */
  static int count(TextEmbeddings text, boolean padding) {
    return padding
        ? WITH_PADDING
        : Math.toIntExact(
            text.text().size(1) + text.glyphs().map(glyphs -> glyphs.size(1)).orElse(0L));
  }

  /**
   * The tokens of one text.
   *
   * @param padding whether tokens of padding follow: those of a picture that is not there, which
   *     are the embedding of their kind, then zeros
   * @return {@code [1, tokens, width]}, a new tensor
   */
  INDArray of(TextEmbeddings text, float timestep, boolean padding, Observer observer) {
    INDArray tokens = Nd4j.zeros(DataType.FLOAT, 1, count(text, padding), width);
    Matrix rows = Matrix.of(tokens, width);
    int at = 0;
    if (text.glyphs().isPresent()) {
      try (INDArray glyphs = project(text.glyphs().get())) {
        observer.see("byt5_proj", glyphs);
        at = put(glyphs, GLYPH, rows, at);
      }
    }
    try (INDArray refined = refiner.apply(text.text(), timestep, observer)) {
      at = put(refined, PROMPT, rows, at);
    }
    if (padding) {
      Rows.fill(rows.rows(at, IMAGE_TOKENS), kinds[IMAGE]);
    }
    return tokens;
  }

  private int put(INDArray part, int kind, Matrix rows, int at) {
    Matrix from = Matrix.of(part, width);
    float[] added = kinds[kind];
    Rows.map(
        from,
        rows.rows(at, from.rows()),
        (index, row) -> {
          for (int i = 0; i < row.length; i++) {
            row[i] += added[i];
          }
        });
    return at + from.rows();
  }

  private INDArray project(INDArray glyphs) {
    try (INDArray normed = norm.apply(glyphs);
        INDArray inner = first.apply(normed)) {
      Elementwise.geluErf(inner);
      try (INDArray hidden = second.apply(inner)) {
        Elementwise.geluErf(hidden);
        return third.apply(hidden);
      }
    }
  }
}
