// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.ImageProjection;
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
 * The text tokens that attend together with the video: those of a picture, words in quotes, then
 * the prompt, and on request the padding that the published pipeline carries along behind them.
 * Each kind of token has an embedding of its kind added.
 */
final class TextTokens {
  /** Tokens of a picture, in whose place a text-to-video run has zeros. */
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
  private final ImageProjection imageProjection;
  private final float[][] kinds = new float[3][];

  TextTokens(HunyuanConfig config, Weights weights) {
    width = config.width();
    refiner = new TokenRefiner(config, weights);
    norm = LayerNorm.of(weights, "context_embedder_2.norm", HunyuanConfig.PROJECTION_EPS);
    first = Linear.of(weights, "context_embedder_2.linear_1");
    second = Linear.of(weights, "context_embedder_2.linear_2");
    third = Linear.of(weights, "context_embedder_2.linear_3");
    imageProjection =
        new ImageProjection(
            LayerNorm.of(weights, "image_embedder.norm_in", HunyuanConfig.PROJECTION_EPS),
            Linear.of(weights, "image_embedder.linear_1"),
            Linear.of(weights, "image_embedder.linear_2"),
            LayerNorm.of(weights, "image_embedder.norm_out", HunyuanConfig.PROJECTION_EPS));
    for (int kind = 0; kind < kinds.length; kind++) {
      kinds[kind] = new float[width];
      weights.get("cond_type_embed.weight").widen((long) kind * width, kinds[kind]);
    }
  }

  /**
   * The texts of a batch as tokens.
   *
   * @param tokens {@code [batch, tokens, width]}
   * @param counts tokens of each text; rows behind them are zeros that nobody sees
   */
  record Stream(INDArray tokens, List<Integer> counts) {}

  /**
   * Tokens of a text with its padding.
   *
   * @param pictureTokens of the picture that the video begins with; 0 without
   */
  static int withPadding(int pictureTokens) {
    return WITH_PADDING - IMAGE_TOKENS + (pictureTokens == 0 ? IMAGE_TOKENS : pictureTokens);
  }

  /** Tokens of a text: those that are real, or all with padding. */
  static int count(TextEmbeddings text, Optional<PictureCondition> picture, boolean padding) {
    int image = Math.toIntExact(picture.map(its -> its.tokens().size(1)).orElse(0L));
    if (padding) {
      return withPadding(image);
    }
    long glyphs = text.glyphs().map(its -> its.size(1)).orElse(0L);
    return Math.toIntExact(image + glyphs + text.text().size(1));
  }

  /**
   * The tokens of all texts. Padding is what stands in the place of a picture that is not there,
   * the embedding of its kind, and then zeros.
   */
  Stream of(Conditions conditions, float timestep, Observer observer) {
    List<Integer> counts =
        conditions.texts().stream()
            .map(text -> count(text, conditions.picture(), conditions.padding()))
            .toList();
    int rows = Collections.max(counts);
    INDArray tokens = Nd4j.zeros(DataType.FLOAT, counts.size(), rows, width);
    Matrix all = Matrix.of(tokens, width);
    for (int element = 0; element < counts.size(); element++) {
      Matrix its = all.rows(element * rows, rows);
      int at = putPicture(conditions, its, observer);
      at = putText(conditions.texts().get(element), timestep, its, at, observer);
      if (conditions.padding() && conditions.picture().isEmpty()) {
        Rows.fill(its.rows(at, IMAGE_TOKENS), kinds[IMAGE]);
      }
    }
    return new Stream(tokens, counts);
  }

  private int putPicture(Conditions conditions, Matrix rows, Observer observer) {
    if (conditions.picture().isEmpty()) {
      return 0;
    }
    try (INDArray image = imageProjection.apply(conditions.picture().get().tokens())) {
      observer.see("image_proj", image);
      return put(image, IMAGE, rows, 0);
    }
  }

  private int putText(
      TextEmbeddings text, float timestep, Matrix rows, int first, Observer observer) {
    int at = first;
    if (text.glyphs().isPresent()) {
      try (INDArray glyphs = project(text.glyphs().get())) {
        observer.see("byt5_proj", glyphs);
        at = put(glyphs, GLYPH, rows, at);
      }
    }
    try (INDArray refined = refiner.apply(text.text(), timestep, observer)) {
      return put(refined, PROMPT, rows, at);
    }
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
