// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.MemorySegment;

/**
 * One attention to compute, inputs and layout together.
 *
 * @param inputs query, key and value
 * @param layout which keys each query attends to
 */
public record AttentionProblem(AttentionInputs inputs, BlockSparseLayout layout) {

  /**
   * @throws IllegalArgumentException if the layout does not fit the shape
   */
  public AttentionProblem {
    layout.check(inputs.shape());
  }

  /** The sizes. */
  public AttentionShape shape() {
    return inputs.shape();
  }

  /** How query, key and value are stored. */
  public DType dtype() {
    return inputs.dtype();
  }

  /** The queries, {@code [batch, tokens, heads, headDim]}. */
  public MemorySegment query() {
    return inputs.query();
  }

  /** The keys, {@code [batch, tokens, kvHeads, headDim]}. */
  public MemorySegment key() {
    return inputs.key();
  }

  /** The values, laid out as the keys. */
  public MemorySegment value() {
    return inputs.value();
  }

  /** The same inputs with another layout. */
  public AttentionProblem withLayout(BlockSparseLayout other) {
    return new AttentionProblem(inputs, other);
  }

  /** The same inputs with every frame attending to every frame. */
  public AttentionProblem dense() {
    return withLayout(BlockSparseLayout.dense(shape().latentFrames()));
  }

  /** Number of floating-point operations, see {@link AttentionShape#flops}. */
  public double flops() {
    return shape().flops(layout);
  }
}
