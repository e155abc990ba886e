// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Arithmetic on whole arrays with the Vector API. The last elements go through a mask.
 *
 * <p>Results are the same bits whether the virtual machine has compiled a method yet or not, so
 * that a video does not depend on it: sums over lanes and the exponential are written out here,
 * since {@code reduceLanes} and {@code EXP} give other last digits before and after compilation.
 */
final class Floats {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final float SQRT_2_OVER_PI = (float) Math.sqrt(2 / Math.PI);

  private static final float LEAST_EXPONENT = -87.33f;
  private static final float LARGEST_EXPONENT = 89;
  private static final float LOG2_E = (float) (1 / Math.log(2));

  /** The logarithm of 2 as a sum whose first part has few digits, so that products are exact. */
  private static final float LN2_HIGH = 0.693359375f;

  private static final float LN2_LOW = (float) (Math.log(2) - LN2_HIGH);

  /** Added to a small number, leaves no bits behind the point: rounds to a whole number. */
  private static final float TO_WHOLE = 0x1.8p23f;

  /** 1/7!, 1/6!, …, 1/1!, 1/0!. */
  private static final float[] TAYLOR = {
    1f / 5040, 1f / 720, 1f / 120, 1f / 24, 1f / 6, 1f / 2, 1, 1
  };

  private Floats() {}

  private static VectorMask<Float> mask(int index, float[] array) {
    return SPECIES.indexInRange(index, array.length);
  }

  private static FloatVector load(float[] array, int index, VectorMask<Float> mask) {
    return FloatVector.fromArray(SPECIES, array, index, mask);
  }

  /** The sum of the lanes, in their order. */
  private static float total(FloatVector lanes) {
    float total = 0;
    for (float lane : lanes.toArray()) {
      total += lane;
    }
    return total;
  }

  /**
   * The exponential, to about one unit in the last place: {@code 2^n · exp(r)} with whole n and
   * {@code |r| ≤ ln(2)/2}, where seven terms of the Taylor series are enough for float32. Below the
   * smallest normal number it gives 0.
   */
  private static FloatVector exp(FloatVector x) {
    FloatVector bounded = x.max(LEAST_EXPONENT).min(LARGEST_EXPONENT);
    FloatVector shifted = bounded.fma(broadcast(LOG2_E), broadcast(TO_WHOLE));
    FloatVector n = shifted.sub(TO_WHOLE);
    FloatVector r = n.fma(broadcast(-LN2_HIGH), bounded);
    r = n.fma(broadcast(-LN2_LOW), r);
    FloatVector sum = broadcast(TAYLOR[0]);
    for (int i = 1; i < TAYLOR.length; i++) {
      sum = sum.fma(r, broadcast(TAYLOR[i]));
    }
    FloatVector power =
        shifted
            .reinterpretAsInts()
            .sub(Float.floatToRawIntBits(TO_WHOLE) - Float.MAX_EXPONENT)
            .lanewise(VectorOperators.LSHL, Float.PRECISION - 1)
            .reinterpretAsFloats();
    return sum.mul(power).blend(0, x.compare(VectorOperators.LT, LEAST_EXPONENT));
  }

  private static FloatVector broadcast(float value) {
    return FloatVector.broadcast(SPECIES, value);
  }

  static float sum(float[] x) {
    FloatVector sum = FloatVector.zero(SPECIES);
    int i = 0;
    for (; i < SPECIES.loopBound(x.length); i += SPECIES.length()) {
      sum = sum.add(FloatVector.fromArray(SPECIES, x, i));
    }
    return total(sum.add(load(x, i, mask(i, x))));
  }

  /** Sum of the squared distances from {@code mean}. */
  static float squares(float[] x, float mean) {
    FloatVector sum = FloatVector.zero(SPECIES);
    int i = 0;
    for (; i < SPECIES.loopBound(x.length); i += SPECIES.length()) {
      FloatVector distance = FloatVector.fromArray(SPECIES, x, i).sub(mean);
      sum = distance.fma(distance, sum);
    }
    VectorMask<Float> last = mask(i, x);
    FloatVector distance = load(x, i, last).sub(mean, last);
    return total(distance.fma(distance, sum));
  }

  static float max(float[] x) {
    FloatVector max = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
    int i = 0;
    for (; i < SPECIES.loopBound(x.length); i += SPECIES.length()) {
      max = max.max(FloatVector.fromArray(SPECIES, x, i));
    }
    VectorMask<Float> last = mask(i, x);
    return max.lanewise(VectorOperators.MAX, load(x, i, last), last)
        .reduceLanes(VectorOperators.MAX);
  }

  /** {@code x = (x − mean) · factor}. */
  static void normalise(float[] x, float mean, float factor) {
    for (int i = 0; i < x.length; i++) {
      x[i] = (x[i] - mean) * factor;
    }
  }

  /** {@code x = x · factors + terms}. */
  static void scaleAndShift(float[] x, float[] factors, float[] terms) {
    for (int i = 0; i < x.length; i++) {
      x[i] = x[i] * factors[i] + terms[i];
    }
  }

  /** {@code x = x · factors}. */
  static void multiply(float[] x, float[] factors) {
    for (int i = 0; i < x.length; i++) {
      x[i] *= factors[i];
    }
  }

  /** {@code x = x · factor}. */
  static void multiply(float[] x, float factor) {
    for (int i = 0; i < x.length; i++) {
      x[i] *= factor;
    }
  }

  /** {@code x = x + terms}. */
  static void add(float[] x, float[] terms) {
    for (int i = 0; i < x.length; i++) {
      x[i] += terms[i];
    }
  }

  /** {@code x = from − x}. */
  static void subtractFrom(float[] from, float[] x) {
    for (int i = 0; i < x.length; i++) {
      x[i] = from[i] - x[i];
    }
  }

  /** {@code x = (x − terms) / divisor}. */
  static void subtractAndDivide(float[] x, float[] terms, float divisor) {
    for (int i = 0; i < x.length; i++) {
      x[i] = (x[i] - terms[i]) / divisor;
    }
  }

  /** {@code x = x + factor · terms}. */
  static void addScaled(float[] x, float factor, float[] terms) {
    for (int i = 0; i < x.length; i++) {
      x[i] += factor * terms[i];
    }
  }

  /** {@code x = x + factors · terms}. */
  static void addProduct(float[] x, float[] factors, float[] terms) {
    for (int i = 0; i < x.length; i++) {
      x[i] += factors[i] * terms[i];
    }
  }

  /** {@code x = exp(x − shift)}; gives the sum. */
  static float exp(float[] x, float shift) {
    FloatVector sum = FloatVector.zero(SPECIES);
    int i = 0;
    for (; i < SPECIES.loopBound(x.length); i += SPECIES.length()) {
      FloatVector exp = exp(FloatVector.fromArray(SPECIES, x, i).sub(shift));
      exp.intoArray(x, i);
      sum = sum.add(exp);
    }
    VectorMask<Float> last = mask(i, x);
    FloatVector exp = exp(load(x, i, last).sub(shift));
    exp.intoArray(x, i, last);
    return total(sum.add(exp, last));
  }

  /** {@code x = x / (1 + exp(−x))}. */
  static void silu(float[] x) {
    silu(x, 1);
  }

  /** {@code x = x / (1 + exp(−1.702 x))}. */
  static void quickGelu(float[] x) {
    silu(x, 1.702f);
  }

  private static void silu(float[] x, float steepness) {
    for (int i = 0; i < x.length; i += SPECIES.length()) {
      VectorMask<Float> mask = mask(i, x);
      FloatVector v = load(x, i, mask);
      v.div(exp(v.mul(-steepness)).add(1)).intoArray(x, i, mask);
    }
  }

  /**
   * {@code x = x/2 · (1 + tanh(u))} with {@code u = sqrt(2/π) · (x + 0.044715 x³)}, computed as
   * {@code x / (1 + exp(−2u))}, which is the same.
   */
  static void geluTanh(float[] x) {
    for (int i = 0; i < x.length; i += SPECIES.length()) {
      VectorMask<Float> mask = mask(i, x);
      FloatVector v = load(x, i, mask);
      FloatVector u = v.mul(v).mul(v).mul(0.044715f).add(v).mul(-2 * SQRT_2_OVER_PI);
      v.div(exp(u).add(1)).intoArray(x, i, mask);
    }
  }
}
