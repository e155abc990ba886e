// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.MemorySegment;

/**
 * One attention to compute: video queries attend to the frames that {@code layout} gives them and
 * to all text tokens; text queries attend to everything.
 *
 * @param shape the sizes
 * @param layout which frames each query frame attends to; {@code latentFrames} square
 * @param dtype how query, key and value are stored
 * @param query {@code [batch, tokens, heads, headDim]}, contiguous, read only
 * @param key {@code [batch, tokens, kvHeads, headDim]}, contiguous, read only
 * @param value as key
 */
public record AttentionProblem(
    AttentionShape shape,
    BlockSparseLayout layout,
    DType dtype,
    MemorySegment query,
    MemorySegment key,
    MemorySegment value) {

  /**
   * @throws IllegalArgumentException if the layout or a segment does not fit the shape
   */
  public AttentionProblem {
    if (layout.queryFrames() != shape.latentFrames()
        || layout.keyFrames() != shape.latentFrames()) {
      throw new IllegalArgumentException(
          "layout is "
              + layout.queryFrames()
              + "x"
              + layout.keyFrames()
              + " frames, the shape has "
              + shape.latentFrames());
    }
    sized("query", query, shape.queryElements() * dtype.bytes());
    sized("key", key, shape.keyElements() * dtype.bytes());
    sized("value", value, shape.keyElements() * dtype.bytes());
  }

  /** The same query, key and value with another layout. */
  public AttentionProblem withLayout(BlockSparseLayout other) {
    return new AttentionProblem(shape, other, dtype, query, key, value);
  }

  /** The same query, key and value with every frame attending to every frame. */
  public AttentionProblem dense() {
    return withLayout(BlockSparseLayout.dense(shape.latentFrames()));
  }

  /** Floating-point operations, see {@link AttentionShape#flops}. */
  public double flops() {
    return shape.flops(layout);
  }

  static void sized(String name, MemorySegment segment, long bytes) {
    if (segment.byteSize() != bytes) {
      throw new IllegalArgumentException(
          name + " must hold " + bytes + " bytes, got " + segment.byteSize());
    }
  }
}
