// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Where a kernel writes.
 *
 * @param out F32 {@code [batch, tokens, heads, headDim]}
 * @param logSumExp F32 {@code [batch, tokens, heads]}: the natural logarithm of the sum of
 *     exponentials of a query's scaled scores; absent if not wanted. With it, results over disjoint
 *     sets of keys merge exactly ({@link PartialAttention})
 */
public record AttentionOutput(MemorySegment out, Optional<MemorySegment> logSumExp) {

  /** Room for the output alone, zeroed. */
  public static AttentionOutput allocate(AttentionShape shape, Arena arena) {
    return new AttentionOutput(
        arena.allocate(shape.queryElements() * Float.BYTES, 64), Optional.empty());
  }

  /** Room for the output and the log-sum-exp, zeroed. */
  public static AttentionOutput allocateWithLogSumExp(AttentionShape shape, Arena arena) {
    return new AttentionOutput(
        arena.allocate(shape.queryElements() * Float.BYTES, 64),
        Optional.of(arena.allocate(shape.logSumExpElements() * Float.BYTES, 64)));
  }

  /**
   * @throws IllegalArgumentException if a segment does not fit the shape
   */
  public void check(AttentionShape shape) {
    AttentionInputs.checkSize("out", out, shape.queryElements() * Float.BYTES);
    logSumExp.ifPresent(
        lse ->
            AttentionInputs.checkSize("logSumExp", lse, shape.logSumExpElements() * Float.BYTES));
  }
}
