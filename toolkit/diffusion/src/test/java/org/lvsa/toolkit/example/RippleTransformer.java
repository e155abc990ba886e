// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.example;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.lvsa.toolkit.attention.RotaryTable;
import org.lvsa.toolkit.attention.VideoGrid;
import org.lvsa.toolkit.attention.VideoSelfAttention;
import org.lvsa.toolkit.blocks.BlockList;
import org.lvsa.toolkit.blocks.ForwardPattern;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Matrix;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.layers.PatchLayout;
import org.lvsa.toolkit.layers.Rows;
import org.lvsa.toolkit.layers.TimeSinusoid;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.ComponentConfig;
import org.lvsa.toolkit.weights.ComponentFiles;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Ripple's transformer: text and video attend together, and the time step is added to each token.
 */
public final class RippleTransformer implements AutoCloseable {
  private final RippleConfig config;
  private final Weights weights;
  private final PatchLayout patches;
  private final Linear patchEmbedding;
  private final Linear textEmbedding;
  private final Linear timeEmbedding;
  private final RippleBlock[] blocks;
  private final Linear head;

  /**
   * A transformer with weights that are already checked against {@link RippleConfig#tensors()}.
   *
   * @param weights closed together with the transformer
   */
  public RippleTransformer(RippleConfig config, Weights weights) {
    this.config = config;
    this.weights = weights;
    int side = RippleConfig.PATCH;
    patches = new PatchLayout(PatchLayout.Axes.CHANNELS_FIRST, 1, side, side);
    patchEmbedding = Linear.of(weights, "patch_embed");
    textEmbedding = Linear.of(weights, "text_embed");
    timeEmbedding = Linear.of(weights, "time_embed");
    blocks =
        IntStream.range(0, config.layers())
            .mapToObj(layer -> new RippleBlock(config, weights, layer))
            .toArray(RippleBlock[]::new);
    head = Linear.of(weights, "proj_out");
  }

  /** Reads a transformer. */
  public static RippleTransformer open(ComponentFiles files, boolean allowUnused) {
    RippleConfig config = RippleConfig.of(ComponentConfig.read(files.folder()));
    Weights weights = Weights.open(files.weights());
    try {
      weights.check(config.tensors(), Set.of(), allowUnused);
      return new RippleTransformer(config, weights);
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /** The sizes. */
  public RippleConfig config() {
    return config;
  }

  /** The weights, as they are stored. */
  public Weights weights() {
    return weights;
  }

  /**
   * Predicts the velocity.
   *
   * @param latents {@code [batch, channels, frames, rows, columns]}
   * @param text embeddings {@code [batch, textTokens, textWidth]}
   * @return a new tensor like latents
   */
  public INDArray predict(
      INDArray latents, float timestep, INDArray text, VideoSelfAttention attention) {
    PatchLayout.Patches grid = patches.patches(latents);
    RotaryTable rotary =
        new RotaryTable(
            new RotaryEmbedding(
                List.of(config.headDim() / 3, config.headDim() / 3, config.headDim() / 3), 10_000),
            new VideoGrid(grid.frames(), new PatchGrid(grid.rows(), grid.columns())));
    try (INDArray video = embed(latents, timestep);
        INDArray encoder = textEmbedding.apply(text)) {
      attention
          .blocks()
          .run(
              new BlockList(
                  "blocks",
                  blocks.length,
                  ForwardPattern.PATTERN_0,
                  video,
                  Optional.of(encoder),
                  block -> blocks[block].apply(video, encoder, rotary, attention),
                  () -> Norms.layerNorm(video, RippleBlock.EPS)));
      try (INDArray normed = Norms.layerNorm(video, RippleBlock.EPS);
          INDArray out = head.apply(normed)) {
        return patches.scatter(out, grid, PatchLayout.Order.CHANNEL_FIRST);
      }
    }
  }

  private INDArray embed(INDArray latents, float timestep) {
    try (INDArray values = patches.gather(latents, PatchLayout.Order.CHANNEL_FIRST);
        INDArray sinusoid = TimeSinusoid.of(new float[] {timestep}, config.width());
        INDArray time = timeEmbedding.apply(sinusoid)) {
      INDArray tokens = patchEmbedding.apply(values);
      float[] added = NdMemory.floats(time);
      Matrix rows = Matrix.of(tokens, added.length);
      Rows.map(
          rows,
          rows,
          (index, row) -> {
            for (int i = 0; i < row.length; i++) {
              row[i] += added[i];
            }
          });
      return tokens;
    }
  }

  @Override
  public void close() {
    weights.close();
  }
}
