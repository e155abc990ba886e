// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.Arrays;
import java.util.Optional;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Observer;
import org.lvsa.toolkit.layers.TimeSinusoid;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The embeddings of time step, text and pictures, which each block is given. */
final class Conditioning {
  private final int timeFeatures;
  private final Linear time1;
  private final Linear time2;
  private final Linear timeProjection;
  private final Linear text1;
  private final Linear text2;
  private final Optional<ImageEmbedding> image;

  Conditioning(WanConfig config, Weights weights) {
    timeFeatures = config.timeFeatures();
    time1 = Linear.of(weights, "condition_embedder.time_embedder.linear_1");
    time2 = Linear.of(weights, "condition_embedder.time_embedder.linear_2");
    timeProjection = Linear.of(weights, "condition_embedder.time_proj");
    text1 = Linear.of(weights, "condition_embedder.text_embedder.linear_1");
    text2 = Linear.of(weights, "condition_embedder.text_embedder.linear_2");
    image = config.image().map(sizes -> new ImageEmbedding(sizes, weights));
  }

  /**
   * What the time step does to the blocks.
   *
   * @param head shift and scale of the output head start from these: one array per time step
   * @param blocks shift, scale and gate of attention and feed-forward start from these: six times
   *     the width per time step
   */
  record Time(float[][] head, float[][] blocks) {}

  /**
   * Embeds time steps.
   *
   * @param timesteps one per batch element, or one per latent frame of each
   */
  Time time(float[] timesteps, Observer observer) {
    try (INDArray sinusoid = TimeSinusoid.of(timesteps, timeFeatures);
        INDArray inner = time1.apply(sinusoid)) {
      observer.see("time_sinusoid", sinusoid);
      Elementwise.silu(inner);
      try (INDArray embedding = time2.apply(inner)) {
        observer.see("temb", embedding);
        float[][] head = rows(embedding);
        Elementwise.silu(embedding);
        try (INDArray projected = timeProjection.apply(embedding)) {
          observer.see("timestep_proj", projected);
          return new Time(head, rows(projected));
        }
      }
    }
  }

  private static float[][] rows(INDArray x) {
    float[] all = NdMemory.floats(x);
    int rows = (int) x.size(0);
    int width = all.length / rows;
    float[][] out = new float[rows][];
    for (int i = 0; i < rows; i++) {
      out[i] = Arrays.copyOfRange(all, i * width, (i + 1) * width);
    }
    return out;
  }

  /** Pictures' tokens {@code [batch, tokens, imageWidth]} to {@code [batch, tokens, width]}. */
  Optional<INDArray> image(Optional<INDArray> tokens) {
    if (tokens.isPresent() != image.isPresent()) {
      throw new IllegalArgumentException(
          image.isPresent()
              ? "the transformer needs the tokens of a picture, got none"
              : "the transformer takes no tokens of pictures");
    }
    return image.map(embedding -> embedding.apply(tokens.orElseThrow()));
  }

  /** {@code [batch, tokens, textWidth]} to {@code [batch, tokens, width]}. */
  INDArray text(INDArray embeddings) {
    try (INDArray inner = text1.apply(embeddings)) {
      Elementwise.geluTanh(inner);
      return text2.apply(inner);
    }
  }
}
