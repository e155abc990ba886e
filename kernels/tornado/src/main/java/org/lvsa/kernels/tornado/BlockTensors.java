// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.TransformerShape;

/**
 * The tensors of a block, by the names that diffusers gives them. What is needed before
 * self-attention comes first.
 *
 * @param list the name of the list of blocks
 * @param layers linear layers, each with weight and bias
 * @param vectors float32 tensors, of which there are no more than layers
 * @param beforeAttention how many layers are needed before self-attention, and how many vectors
 *     where there are that many
 */
record BlockTensors(String list, List<Layer> layers, List<Vector> vectors, int beforeAttention) {
  /** A linear layer. */
  record Layer(String name, int in, int out) {}

  /** A float32 tensor: weights of a norm, or a table. */
  record Vector(String name, int size) {}

  static BlockTensors of(TransformerShape shape) {
    return switch (shape.blocks()) {
      case BlockShape.Cross cross -> CrossBlock.tensors(shape, cross);
      case BlockShape.Joint _ -> JointBlock.tensors(shape);
      case BlockShape.Shared shared -> SharedBlock.tensors(shape, shared);
    };
  }

  /**
   * Bytes of one block's tensors.
   *
   * @param elementBytes of a linear layer's numbers
   */
  long bytes(int elementBytes) {
    long elements = layers.stream().mapToLong(layer -> (layer.in() + 1L) * layer.out()).sum();
    long floats = vectors.stream().mapToLong(Vector::size).sum();
    return elements * elementBytes + floats * Float.BYTES;
  }
}
