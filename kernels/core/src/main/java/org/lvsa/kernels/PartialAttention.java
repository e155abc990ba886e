// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.MemorySegment;

/**
 * Merges attention over disjoint sets of keys into attention over all of them, as ranks need that
 * hold different keys of one sequence.
 */
public final class PartialAttention {
  private PartialAttention() {}

  /**
   * Merges {@code from} into {@code into}: with log-sum-exps {@code a} and {@code b}, the outputs
   * are weighted by {@code e^a} and {@code e^b} over their sum, and the new log-sum-exp is {@code
   * log(e^a + e^b)} (the split-softmax identity that FlashAttention's backward pass and Ring
   * Attention rest on). A part whose log-sum-exp is −∞, because it had no key or only scores of −∞,
   * leaves the other unchanged.
   *
   * @throws IllegalArgumentException if one of the two has no log-sum-exp, or does not fit the
   *     shape
   */
  public static void merge(AttentionShape shape, AttentionOutput into, AttentionOutput from) {
    into.check(shape);
    from.check(shape);
    MemorySegment intoLse = logSumExp(into);
    MemorySegment fromLse = logSumExp(from);
    int headDim = shape.headDim();
    for (long row = 0; row < shape.logSumExpElements(); row++) {
      double a = DType.F32.get(intoLse, row);
      double b = DType.F32.get(fromLse, row);
      double max = Math.max(a, b);
      double weightA = Math.exp(a - max);
      double weightB = Math.exp(b - max);
      double sum = weightA + weightB;
      for (long i = row * headDim; i < (row + 1) * headDim; i++) {
        double outA = DType.F32.get(into.out(), i);
        double outB = DType.F32.get(from.out(), i);
        double merged;
        if (max == Double.NEGATIVE_INFINITY) {
          // Nothing has weight: 0 where no part had a key, NaN where one had scores of −∞.
          merged = outA + outB;
        } else if (weightA == 0) {
          merged = outB;
        } else if (weightB == 0) {
          merged = outA;
        } else {
          merged = (weightA * outA + weightB * outB) / sum;
        }
        DType.F32.set(into.out(), i, (float) merged);
      }
      if (max == Double.NEGATIVE_INFINITY) {
        continue;
      }
      DType.F32.set(intoLse, row, (float) (max + Math.log(sum)));
    }
  }

  private static MemorySegment logSumExp(AttentionOutput output) {
    return output
        .logSumExp()
        .orElseThrow(() -> new IllegalArgumentException("both parts need a log-sum-exp"));
  }
}
