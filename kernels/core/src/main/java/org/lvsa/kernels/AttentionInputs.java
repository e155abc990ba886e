// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.MemorySegment;

/**
 * Query, key and value of one attention. Which keys a query attends to is not part of the inputs:
 * that is the {@link BlockSparseLayout}, which changes more often than they do.
 *
 * @param shape the sizes
 * @param dtype how query, key and value are stored
 * @param query {@code [batch, tokens, heads, headDim]}, contiguous; only read
 * @param key {@code [batch, tokens, kvHeads, headDim]}, contiguous; only read
 * @param value laid out as {@code key}; only read
 */
public record AttentionInputs(
    AttentionShape shape,
    DType dtype,
    MemorySegment query,
    MemorySegment key,
    MemorySegment value) {

  /**
   * @throws IllegalArgumentException if a segment does not have the size that the shape asks for
   */
  public AttentionInputs {
    checkSize("query", query, Math.multiplyExact(shape.queryElements(), dtype.bytes()));
    checkSize("key", key, Math.multiplyExact(shape.keyElements(), dtype.bytes()));
    checkSize("value", value, Math.multiplyExact(shape.keyElements(), dtype.bytes()));
  }

  static void checkSize(String name, MemorySegment segment, long bytes) {
    if (segment.byteSize() != bytes) {
      throw new IllegalArgumentException(
          name + " must hold " + bytes + " bytes, got " + segment.byteSize());
    }
  }
}
