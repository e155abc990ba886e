// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

class ScoreBoundTest {
  private static final AttentionShape SHAPE = new AttentionShape(1, 2, 5000, 0, 4, 2, 64);

  private static FloatArray norms(float... values) {
    return FloatArray.fromElements(values);
  }

  @Test
  void theBoundIsTheProductOfTheLargestLengths() {
    FloatArray bounds = new FloatArray(4);
    // Three stretches a head: the largest of them counts; heads 2 and 3 share key head 1.
    FloatArray query = norms(1, 4, 1, 9, 1, 1, 16, 0, 0, 1, 1, 1);
    FloatArray key = norms(25, 1, 1, 1, 1, 36);
    assertTrue(ScoreBound.fill(SHAPE, DType.BF16, query, key, bounds));
    assertEquals(2 * 5 / 8.0, bounds.get(0), 0.01);
    assertEquals(3 * 5 / 8.0, bounds.get(1), 0.01);
    assertEquals(4 * 6 / 8.0, bounds.get(2), 0.01);
    assertEquals(1 * 6 / 8.0, bounds.get(3), 0.01);
  }

  @Test
  void aBoundTooLooseForTheTypeIsNotSafe() {
    FloatArray bounds = new FloatArray(4);
    FloatArray key = norms(400, 1, 1, 1, 1, 1);
    FloatArray query = norms(36, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    // 6 · 20 / 8 = 15: e^-30 is a bf16 number, and no fp16 one.
    assertTrue(ScoreBound.fill(SHAPE, DType.BF16, query, key, bounds));
    assertFalse(ScoreBound.fill(SHAPE, DType.F16, query, key, bounds));
    FloatArray huge = norms(1e8f, 1, 1, 1, 1, 1);
    assertFalse(ScoreBound.fill(SHAPE, DType.BF16, query, huge, bounds));
  }

  @Test
  void whatIsNotANumberIsNotSafe() {
    FloatArray bounds = new FloatArray(4);
    FloatArray query = norms(1, 1, Float.NaN, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    assertFalse(ScoreBound.fill(SHAPE, DType.BF16, query, norms(1, 1, 1, 1, 1, 1), bounds));
  }
}
