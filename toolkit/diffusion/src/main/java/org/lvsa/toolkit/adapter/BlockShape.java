// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.LinkedHashMap;
import java.util.Map;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.RotaryEmbedding;

/**
 * The sizes of a block.
 *
 * @param heads query heads
 * @param kvHeads key/value heads
 * @param headDim features per head
 * @param grid rows and columns of patches per latent frame
 * @param rotary the rotary position embedding
 */
public record BlockShape(
    int heads, int kvHeads, int headDim, PatchGrid grid, RotaryEmbedding rotary) {

  /**
   * @throws IllegalArgumentException if a token's features are more than 2^31-1
   */
  public BlockShape {
    long width = (long) heads * headDim;
    if (width > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "the features of a token, heads · headDim, must be at most 2^31-1, got "
              + heads
              + " · "
              + headDim);
    }
  }

  /** The sizes that a model has. */
  public static BlockShape of(ModelGeometry model, PatchGrid grid) {
    return of(model, grid, model.heads());
  }

  /**
   * The sizes of a model with another number of heads. The number of query heads per key/value head
   * stays.
   *
   * @throws IllegalArgumentException if the heads do not divide into such groups
   */
  public static BlockShape of(ModelGeometry model, PatchGrid grid, int heads) {
    int group = model.heads() / model.kvHeads();
    if (heads < 1 || heads % group != 0) {
      throw new IllegalArgumentException(
          "heads must be a multiple of "
              + group
              + " (query heads of a key/value head of "
              + model.name()
              + "), got "
              + heads);
    }
    return new BlockShape(
        heads,
        heads / group,
        model.headDim(),
        grid,
        new RotaryEmbedding(model.ropeAxes(), model.ropeTheta()));
  }

  /** These sizes with RIFLEx's rotary embedding, for videos longer than the trained ones. */
  public BlockShape riflex(int trainingFrames, double scale) {
    return new BlockShape(heads, kvHeads, headDim, grid, rotary.riflex(trainingFrames, scale));
  }

  /** Features per token: {@code heads · headDim}. */
  public int width() {
    return heads * headDim;
  }

  /** Features of the keys, or values, per token: {@code kvHeads · headDim}. */
  public int keyWidth() {
    return kvHeads * headDim;
  }

  /**
   * The shapes of a module's four projections, {@code to_q}, {@code to_k}, {@code to_v} and {@code
   * to_out.0}, with biases: {@code [out, in]} and {@code [out]}.
   */
  public Map<String, long[]> projections(String module) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.putAll(linear(module + ".to_q", width(), width()));
    shapes.putAll(linear(module + ".to_k", keyWidth(), width()));
    shapes.putAll(linear(module + ".to_v", keyWidth(), width()));
    shapes.putAll(linear(module + ".to_out.0", width(), width()));
    return shapes;
  }

  /** Shapes of a linear layer's weight and bias. */
  public static Map<String, long[]> linear(String name, int out, int in) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put(name + ".weight", new long[] {out, in});
    shapes.put(name + ".bias", new long[] {out});
    return shapes;
  }
}
