// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * From the tokens that an image encoder makes of a picture to tokens of the transformer: norm,
 * linear, Gaussian error linear unit, linear, norm. A model for a first and a last picture takes
 * the tokens of both as one sequence and adds a learned position to each.
 */
final class ImageEmbedding {
  private static final String AT = "condition_embedder.image_embedder.";

  /** The published layer's own, whatever the transformer's configuration says. */
  private static final double EPS = 1e-5;

  private final WanConfig.ImageTokens sizes;
  private final Optional<float[]> positions;
  private final Norm norm1;
  private final Linear linear1;
  private final Linear linear2;
  private final Norm norm2;

  ImageEmbedding(WanConfig.ImageTokens sizes, Weights weights) {
    this.sizes = sizes;
    positions =
        sizes.positions().isPresent()
            ? Optional.of(weights.floats(AT + "pos_embed"))
            : Optional.empty();
    norm1 = Norm.of(weights, AT + "norm1");
    linear1 = Linear.of(weights, AT + "ff.net.0.proj");
    linear2 = Linear.of(weights, AT + "ff.net.2");
    norm2 = Norm.of(weights, AT + "norm2");
  }

  /** A norm's weight and bias. */
  private record Norm(float[] weight, float[] bias) {
    static Norm of(Weights weights, String name) {
      return new Norm(weights.floats(name + ".weight"), weights.floats(name + ".bias"));
    }

    INDArray apply(INDArray x) {
      return Norms.layerNorm(x, weight, bias, EPS);
    }
  }

  /** The layer's tensors, as diffusers names them. */
  static void addTensors(TensorShapes shapes, WanConfig.ImageTokens sizes, int width) {
    sizes.positions().ifPresent(count -> shapes.add(AT + "pos_embed", 1, count, sizes.width()));
    shapes.add(AT + "norm1.weight", sizes.width()).add(AT + "norm1.bias", sizes.width());
    shapes.addLinear(AT + "ff.net.0.proj", sizes.width(), sizes.width());
    shapes.addLinear(AT + "ff.net.2", width, sizes.width());
    shapes.add(AT + "norm2.weight", width).add(AT + "norm2.bias", width);
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
    try (INDArray placed = withPositions(tokens);
        INDArray normed = norm1.apply(placed);
        INDArray inner = linear1.apply(normed)) {
      Elementwise.geluErf(inner);
      try (INDArray out = linear2.apply(inner)) {
        return norm2.apply(out);
      }
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
