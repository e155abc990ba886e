// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import org.lvsa.toolkit.layers.ImageProjection;
import org.lvsa.toolkit.layers.LayerNorm;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * From the tokens that an image encoder makes of a picture to tokens of the transformer, see {@link
 * ImageProjection}. A model for a first and a last picture takes the tokens of both as one sequence
 * and adds a learned position to each.
 */
final class ImageEmbedding {
  private static final String AT = "condition_embedder.image_embedder.";

  private final WanConfig.ImageTokens sizes;
  private final Optional<float[]> positions;
  private final ImageProjection projection;

  ImageEmbedding(WanConfig.ImageTokens sizes, Weights weights) {
    this.sizes = sizes;
    positions =
        sizes.positions().isPresent()
            ? Optional.of(weights.floats(AT + "pos_embed"))
            : Optional.empty();
    projection =
        new ImageProjection(
            LayerNorm.of(weights, AT + "norm1", ImageProjection.EPS),
            Linear.of(weights, AT + "ff.net.0.proj"),
            Linear.of(weights, AT + "ff.net.2"),
            LayerNorm.of(weights, AT + "norm2", ImageProjection.EPS));
  }

  /** The layer's tensors, as diffusers names them. */
  static void addTensors(TensorShapes shapes, WanConfig.ImageTokens sizes, int width) {
    sizes.positions().ifPresent(count -> shapes.add(AT + "pos_embed", 1, count, sizes.width()));
    LayerNorm.addTensors(shapes, AT + "norm1", sizes.width());
    shapes.addLinear(AT + "ff.net.0.proj", sizes.width(), sizes.width());
    shapes.addLinear(AT + "ff.net.2", width, sizes.width());
    LayerNorm.addTensors(shapes, AT + "norm2", width);
  }

  /**
   * Embeds the tokens of pictures.
   *
   * @param tokens {@code [batch, tokens, imageWidth]}, those of a first and a last picture one
   *     after the other
   * @return {@code [batch, tokens, width]}, a new tensor
   * @throws IllegalArgumentException if the tokens are of other pictures than the model takes
   */
  INDArray apply(INDArray tokens) {
    boolean fits =
        tokens.rank() == 3
            && tokens.size(2) == sizes.width()
            && (sizes.positions().isEmpty() || tokens.size(1) == sizes.positions().getAsInt());
    if (!fits) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "image tokens must be [batch, %s, %d], got %s",
              sizes.positions().isPresent()
                  ? sizes.positions().getAsInt() + " (of the first and of the last picture)"
                  : "tokens",
              sizes.width(),
              Arrays.toString(tokens.shape())));
    }
    try (INDArray placed = withPositions(tokens)) {
      return projection.apply(placed);
    }
  }

  private INDArray withPositions(INDArray tokens) {
    INDArray placed = tokens.dup('c');
    if (positions.isPresent()) {
      try (INDArray learned =
          NdMemory.copy(
              MemorySegment.ofArray(positions.get()), 1, tokens.size(1), tokens.size(2))) {
        placed.addi(learned);
      }
    }
    return placed;
  }
}
