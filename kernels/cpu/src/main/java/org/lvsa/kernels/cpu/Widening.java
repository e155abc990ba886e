// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.Lanes.F;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import org.lvsa.kernels.DType;

/** Copies runs of stored elements to float32 arrays, and float32 arrays to memory. */
final class Widening {
  private static final ValueLayout.OfFloat FLOATS =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort HALVES =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Widening() {}

  /** Reads {@code count} elements, beginning with element {@code offset} of {@code from}. */
  static void read(DType dtype, MemorySegment from, long offset, float[] to, int at, int count) {
    switch (dtype) {
      case F32 -> {
        // For as few elements as a head has, MemorySegment.copy spends more time on its call.
        int i = 0;
        for (; i <= count - F.length(); i += F.length()) {
          FloatVector.fromMemorySegment(
                  F, from, (offset + i) * Float.BYTES, ByteOrder.LITTLE_ENDIAN)
              .intoArray(to, at + i);
        }
        for (; i < count; i++) {
          to[at + i] = from.get(FLOATS, (offset + i) * Float.BYTES);
        }
      }
      case F16 -> {
        for (int i = 0; i < count; i++) {
          to[at + i] = Float.float16ToFloat(from.get(HALVES, (offset + i) * Short.BYTES));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          to[at + i] = DType.bfloat16ToFloat(from.get(HALVES, (offset + i) * Short.BYTES));
        }
      }
    }
  }

  /** Writes {@code count} floats as F32, beginning with element {@code offset} of {@code to}. */
  static void write(float[] from, MemorySegment to, long offset, int count) {
    MemorySegment.copy(from, 0, to, FLOATS, offset * Float.BYTES, count);
  }
}
