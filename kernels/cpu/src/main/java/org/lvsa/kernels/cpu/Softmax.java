// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.Blocking.BLOCK;
import static org.lvsa.kernels.cpu.Lanes.F;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The online softmax of one column of scores: as many queries as a vector has lanes. Its rows are
 * {@link Blocking#BLOCK} floats apart, as those of every array of a block.
 *
 * <p>Vectors that last longer than a method are taken from arrays and left in them: a vector that
 * crosses a call that is not inlined becomes an object.
 */
final class Softmax {
  private Softmax() {}

  /**
   * Raises the running maximum of a column's queries to their highest score.
   *
   * @param scores the scores; the column begins at {@code at}
   * @param end where the rows end
   * @param max the running maxima; those of the column begin at {@code maxAt}
   * @param factors receives what earlier sums have to be multiplied by, if a maximum rose
   * @return whether a maximum rose
   */
  static boolean raiseMax(
      float[] scores, int at, int end, float[] max, int maxAt, float[] factors) {
    FloatVector old = FloatVector.fromArray(F, max, maxAt);
    // Two maxima side by side: each waits for the one before it.
    FloatVector even = old;
    FloatVector odd = old;
    int i = at;
    for (; i < end - BLOCK; i += 2 * BLOCK) {
      even = larger(even, FloatVector.fromArray(F, scores, i));
      odd = larger(odd, FloatVector.fromArray(F, scores, i + BLOCK));
    }
    if (i < end) {
      even = larger(even, FloatVector.fromArray(F, scores, i));
    }
    FloatVector raised = larger(even, odd);
    if (raised.eq(old).allTrue()) {
      return false;
    }
    exp2(old.sub(raised)).intoArray(factors, 0);
    raised.intoArray(max, maxAt);
    return true;
  }

  /** Multiplies a column from {@code at} to {@code end} by factors, one per query. */
  static void multiply(float[] column, int at, int end, float[] factors) {
    FloatVector factor = FloatVector.fromArray(F, factors, 0);
    for (int i = at; i < end; i += BLOCK) {
      FloatVector.fromArray(F, column, i).mul(factor).intoArray(column, i);
    }
  }

  /**
   * Turns a column's scores into weights, in place, and adds them to the sums. They are summed by
   * tile, as the outputs are: see {@link RegisterTiles}.
   */
  static void weigh(float[] scores, int at, int end, float[] max, float[] sum, int maxAt) {
    FloatVector highest = FloatVector.fromArray(F, max, maxAt);
    FloatVector total = FloatVector.zero(F);
    for (int i = at; i < end; i += BLOCK) {
      FloatVector weight = exp2(FloatVector.fromArray(F, scores, i).sub(highest));
      total = total.add(weight);
      weight.intoArray(scores, i);
    }
    FloatVector.fromArray(F, sum, maxAt).add(total).intoArray(sum, maxAt);
  }

  /**
   * 2ˣ for x ≤ 0. The integer part n becomes the exponent's bits: adding 1.5·2²³ + 127 rounds, and
   * leaves n + 127 in the low bits. The rest goes through a polynomial of degree 5 with relative
   * error 8e-8. Below 2⁻¹²⁶·⁵, and for −∞, n + 127 is 0, and so is the result. NaN stays NaN, as
   * the polynomial's value is multiplied by the power of two and not changed bit by bit.
   */
  private static FloatVector exp2(FloatVector x) {
    FloatVector clamped = larger(x, FloatVector.broadcast(F, -127f));
    FloatVector shifted = clamped.add(12583039f);
    FloatVector rest = clamped.sub(shifted.sub(12583039f));
    FloatVector power = FloatVector.broadcast(F, 0.0013266970386190226f);
    power = power.fma(rest, FloatVector.broadcast(F, 0.009675459745514172f));
    power = power.fma(rest, FloatVector.broadcast(F, 0.05550742616002447f));
    power = power.fma(rest, FloatVector.broadcast(F, 0.24022121753561748f));
    power = power.fma(rest, FloatVector.broadcast(F, 0.6931469491610643f));
    power = power.fma(rest, FloatVector.broadcast(F, 1.0000000710297003f));
    return power.mul(
        shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
  }

  /**
   * The larger of two numbers, and {@code a} if one is NaN. Two instructions, where Math.max takes
   * five because it lets NaN through. A score that is NaN need not raise the maximum: its weight is
   * NaN whatever the maximum is, and so are the sum and the output.
   */
  private static FloatVector larger(FloatVector a, FloatVector b) {
    return a.blend(b, b.compare(VectorOperators.GT, a));
  }
}
