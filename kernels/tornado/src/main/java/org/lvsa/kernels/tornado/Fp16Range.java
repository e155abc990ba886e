// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * Which numbers of a head become fp16 as they are, by their largest absolute value, and which are
 * divided by {@link BlockedLayouts#scale} before.
 *
 * @param least those whose largest is not below this, or is 0, stay as they are
 * @param most those up to this stay as they are
 * @param limit those beyond it are not divided: another kernel computes with them
 */
record Fp16Range(float least, float most, float limit) {
  /**
   * A head of bf16 whose largest value is below this loses bits in fp16, which rounds to 2^-24 at
   * best: then more than 2^-14 of its largest value.
   */
  private static final float LEAST_OF_BF16 = 0x1p-10f;

  /**
   * A head of float32 whose largest number is below this loses digits: two parts round to 2^-25 at
   * best, which then is more than 2^-19 of its largest number.
   */
  private static final float LEAST_OF_F32 = 0x1p-6f;

  /** Of queries and keys of float32. Large ones are not divided: scores of others would vanish. */
  static final Fp16Range SCORES =
      new Fp16Range(LEAST_OF_F32, BlockedLayouts.MOST, BlockedLayouts.MOST);

  /** Of values. */
  static Fp16Range ofValues(DType dtype) {
    return switch (dtype) {
      case F16 -> new Fp16Range(0, Float.MAX_VALUE, Float.MAX_VALUE);
      case BF16 -> new Fp16Range(LEAST_OF_BF16, BlockedLayouts.MOST, Float.MAX_VALUE);
      case F32 -> new Fp16Range(LEAST_OF_F32, BlockedLayouts.MOST, Float.MAX_VALUE);
    };
  }

  /**
   * Whether fp16 holds the numbers of all heads, divided by their scales. Where that makes them
   * smaller, they must not vanish beside the head's largest one: each stretch keeps one of at least
   * {@link #least}, unless it has none but 0.
   *
   * @param largest the largest absolute value of each stretch of each head, infinite if one is not
   *     finite
   */
  boolean holds(FloatArray largest, int heads) {
    int count = largest.getSize() / heads;
    for (int head = 0; head < heads; head++) {
      float highest = 0;
      float lowest = Float.POSITIVE_INFINITY;
      for (int i = head * count; i < (head + 1) * count; i++) {
        float high = largest.get(i);
        highest = Math.max(highest, high);
        lowest = high > 0 ? Math.min(lowest, high) : lowest;
      }
      if (highest > limit
          || highest > most && lowest / BlockedLayouts.scale(highest, least, most) < least) {
        return false;
      }
    }
    return true;
  }
}
