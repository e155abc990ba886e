// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Arithmetic on whole arrays with the Vector API. The last elements go through a mask. */
final class Floats {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final float SQRT_2_OVER_PI = (float) Math.sqrt(2 / Math.PI);

  private Floats() {}

  private static VectorMask<Float> mask(int index, float[] array) {
    return SPECIES.indexInRange(index, array.length);
  }

  private static FloatVector load(float[] array, int index, VectorMask<Float> mask) {
    return FloatVector.fromArray(SPECIES, array, index, mask);
  }

  static float sum(float[] x) {
    FloatVector sum = FloatVector.zero(SPECIES);
    int i = 0;
    for (; i < SPECIES.loopBound(x.length); i += SPECIES.length()) {
      sum = sum.add(FloatVector.fromArray(SPECIES, x, i));
    }
    return sum.add(load(x, i, mask(i, x))).reduceLanes(VectorOperators.ADD);
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
    return sum.add(distance.mul(distance)).reduceLanes(VectorOperators.ADD);
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
      FloatVector exp =
          FloatVector.fromArray(SPECIES, x, i).sub(shift).lanewise(VectorOperators.EXP);
      exp.intoArray(x, i);
      sum = sum.add(exp);
    }
    VectorMask<Float> last = mask(i, x);
    FloatVector exp = load(x, i, last).sub(shift).lanewise(VectorOperators.EXP);
    exp.intoArray(x, i, last);
    return sum.add(exp, last).reduceLanes(VectorOperators.ADD);
  }

  /** {@code x = x / (1 + exp(−x))}. */
  static void silu(float[] x) {
    for (int i = 0; i < x.length; i += SPECIES.length()) {
      VectorMask<Float> mask = mask(i, x);
      FloatVector v = load(x, i, mask);
      v.div(v.neg().lanewise(VectorOperators.EXP).add(1)).intoArray(x, i, mask);
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
      v.div(u.lanewise(VectorOperators.EXP).add(1)).intoArray(x, i, mask);
    }
  }
}
