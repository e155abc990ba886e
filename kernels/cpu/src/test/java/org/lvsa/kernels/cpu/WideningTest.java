// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.lvsa.kernels.DType;

class WideningTest {
  private static final int ALL = 1 << Short.SIZE;

  /** Every pattern of bits, subnormal numbers, infinities and NaN among them. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void everyNumberOf16BitsIsWidenedExactly(DType dtype) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment stored = arena.allocate(2L * ALL);
      for (int bits = 0; bits < ALL; bits++) {
        stored.set(
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
            2L * bits,
            (short) bits);
      }
      // Begins at an odd element, and ends in the middle of a vector.
      float[] widened = new float[ALL + 1];
      Widening.read(dtype, stored, 0, widened, 0, 1);
      Widening.read(dtype, stored, 1, widened, 1, ALL - 2);
      Widening.read(dtype, stored, ALL - 1, widened, ALL - 1, 1);
      for (int bits = 0; bits < ALL; bits++) {
        float expected =
            dtype == DType.F16
                ? Float.float16ToFloat((short) bits)
                : DType.bfloat16ToFloat((short) bits);
        assertEquals(
            Float.floatToIntBits(expected),
            Float.floatToIntBits(widened[bits]),
            () -> dtype + " " + expected);
      }
      assertEquals(0, widened[ALL]);
    }
  }
}
