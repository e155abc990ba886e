// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * A bound for the scores of each head: |q·k| ≤ max|q| · max|k|. Softmax may subtract this bound
 * instead of the highest score if the smallest weight that can then occur, e^(−2·bound), is still a
 * number of the weights' type. Such a kernel needs no row maximum and no rescaling. Models that
 * normalise query and key stay well below the limit; other inputs are computed with a running
 * maximum.
 */
final class ScoreBound {
  /** bf16 reaches down to e⁻⁸⁷; some of that range is left to the sums. */
  private static final double BF16_SPREAD = 80;

  /** fp16 weights go up to 2¹⁵, and have all their bits down to 2⁻¹⁴. */
  private static final double FP16_SPREAD = 18;

  /** Room for the rounding of the lengths, which are summed in float32. */
  private static final double SLACK = 1.001;

  private ScoreBound() {}

  /** How many numbers {@link Layouts#largestNorms} gives per head. */
  static int stretches(AttentionShape shape) {
    return Math.ceilDiv(shape.tokens(), Layouts.NORM_VECTORS);
  }

  /**
   * Computes the bound of each head.
   *
   * @param queryNorms squared lengths, {@code [batch · heads, stretches]}
   * @param keyNorms squared lengths, {@code [batch · kvHeads, stretches]}
   * @param bounds receives the bound of the scaled scores, {@code [batch · heads]}
   * @return whether every head's bound is safe to subtract
   */
  static boolean fill(
      AttentionShape shape,
      DType dtype,
      FloatArray queryNorms,
      FloatArray keyNorms,
      FloatArray bounds) {
    double spread = dtype == DType.BF16 ? BF16_SPREAD : FP16_SPREAD;
    boolean safe = true;
    for (int sequence = 0; sequence < shape.batch(); sequence++) {
      for (int head = 0; head < shape.heads(); head++) {
        int at = sequence * shape.heads() + head;
        int kvAt = sequence * shape.kvHeads() + head / shape.headsPerKvHead();
        double bound =
            Math.sqrt(largest(shape, queryNorms, at) * largest(shape, keyNorms, kvAt))
                * shape.scale()
                * SLACK;
        bounds.set(at, (float) bound);
        safe &= 2 * bound <= spread;
      }
    }
    return safe;
  }

  private static double largest(AttentionShape shape, FloatArray norms, int head) {
    double largest = 0;
    for (int i = 0; i < stretches(shape); i++) {
      double norm = norms.get(head * stretches(shape) + i);
      // NaN would be lost in a comparison, and no bound covers it.
      largest = Double.isNaN(norm) ? Double.POSITIVE_INFINITY : Math.max(largest, norm);
    }
    return largest;
  }
}
