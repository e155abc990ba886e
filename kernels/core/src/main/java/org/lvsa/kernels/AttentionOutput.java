// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The memory that a kernel writes its result to. Every element is written.
 *
 * @param out F32 {@code [batch, tokens, heads, headDim]}
 * @param logSumExp F32 {@code [batch, tokens, heads]}: the natural logarithm of the sum of
 *     exponentials of a query's scaled scores; empty if it is not wanted. With it, {@link
 *     PartialAttention} merges results over disjoint sets of keys exactly
 */
public record AttentionOutput(MemorySegment out, Optional<MemorySegment> logSumExp) {

  /** Allocates room for the output alone, filled with zeros. */
  public static AttentionOutput allocate(AttentionShape shape, Arena arena) {
    return new AttentionOutput(
        arena.allocate(shape.queryElements() * Float.BYTES, 64), Optional.empty());
  }

  /** Allocates room for the output and the log-sum-exp, filled with zeros. */
  public static AttentionOutput allocateWithLogSumExp(AttentionShape shape, Arena arena) {
    return new AttentionOutput(
        arena.allocate(shape.queryElements() * Float.BYTES, 64),
        Optional.of(arena.allocate(shape.logSumExpElements() * Float.BYTES, 64)));
  }

  /**
   * Checks the sizes of the segments against a shape.
   *
   * @throws IllegalArgumentException if a segment does not fit the shape
   */
  public void check(AttentionShape shape) {
    AttentionInputs.checkSize("out", out, shape.queryElements() * Float.BYTES);
    logSumExp.ifPresent(
        lse ->
            AttentionInputs.checkSize("logSumExp", lse, shape.logSumExpElements() * Float.BYTES));
  }
}
