// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.MemorySegment;

/** Merges attention over disjoint sets of keys into attention over their union. */
public final class PartialAttention {
  private PartialAttention() {}

  /**
   * Merges {@code from} into {@code into}: with log-sum-exps {@code a} and {@code b}, the outputs
   * are weighted by {@code e^a} and {@code e^b} over their sum, and the new log-sum-exp is {@code
   * log(e^a + e^b)} (the split-softmax identity that FlashAttention's backward pass and Ring
   * Attention rest on). Parts that saw no key (−∞) leave the other unchanged.
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
      if (max == Double.NEGATIVE_INFINITY) {
        continue;
      }
      double weightA = Math.exp(a - max);
      double weightB = Math.exp(b - max);
      double sum = weightA + weightB;
      for (long i = row * headDim; i < (row + 1) * headDim; i++) {
        double merged =
            (weightA * DType.F32.get(into.out(), i) + weightB * DType.F32.get(from.out(), i)) / sum;
        DType.F32.set(into.out(), i, (float) merged);
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
