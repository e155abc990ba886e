// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.Lanes.F;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.lvsa.kernels.DType;

/** Copies runs of stored elements to float32 arrays, and float32 arrays to memory. */
final class Widening {
  private static final ValueLayout.OfFloat FLOATS =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort HALVES =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** As many 16-bit and 32-bit integers as a vector has floats. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(F.vectorBitSize() / 2));

  private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, F.vectorShape());

  private Widening() {}

  /** Reads {@code count} elements, beginning with element {@code offset} of {@code from}. */
  static void read(DType dtype, MemorySegment from, long offset, float[] to, int at, int count) {
    // A method each, so that the JIT compiler puts the one that runs into the caller's loop.
    switch (dtype) {
      case F32 -> readF32(from, offset, to, at, count);
      case F16 -> readF16(from, offset, to, at, count);
      case BF16 -> readBf16(from, offset, to, at, count);
    }
  }

  private static void readF32(MemorySegment from, long offset, float[] to, int at, int count) {
    // For as few elements as a head has, MemorySegment.copy spends more time on its call.
    int i = 0;
    for (; i <= count - F.length(); i += F.length()) {
      FloatVector.fromMemorySegment(F, from, (offset + i) * Float.BYTES, ByteOrder.LITTLE_ENDIAN)
          .intoArray(to, at + i);
    }
    for (; i < count; i++) {
      to[at + i] = from.get(FLOATS, (offset + i) * Float.BYTES);
    }
  }

  private static void readF16(MemorySegment from, long offset, float[] to, int at, int count) {
    int i = 0;
    for (; i <= count - F.length(); i += F.length()) {
      float16(integers(from, offset + i)).intoArray(to, at + i);
    }
    for (; i < count; i++) {
      to[at + i] = Float.float16ToFloat(from.get(HALVES, (offset + i) * Short.BYTES));
    }
  }

  private static void readBf16(MemorySegment from, long offset, float[] to, int at, int count) {
    int i = 0;
    for (; i <= count - F.length(); i += F.length()) {
      integers(from, offset + i)
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoArray(to, at + i);
    }
    for (; i < count; i++) {
      to[at + i] = DType.bfloat16ToFloat(from.get(HALVES, (offset + i) * Short.BYTES));
    }
  }

  /** As many 16-bit elements as a vector has lanes, as unsigned numbers. */
  private static IntVector integers(MemorySegment from, long offset) {
    return (IntVector)
        ShortVector.fromMemorySegment(SHORTS, from, offset * Short.BYTES, ByteOrder.LITTLE_ENDIAN)
            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
  }

  /**
   * Bits of float16 as float32. Exponent and fraction are moved to their place in a float32, and
   * the exponent's bias is mended by a multiplication, which makes subnormal numbers normal;
   * infinity and NaN get the highest exponent.
   */
  private static FloatVector float16(IntVector bits) {
    IntVector moved = bits.lanewise(VectorOperators.AND, 0x7fff).lanewise(VectorOperators.LSHL, 13);
    IntVector sign = bits.lanewise(VectorOperators.AND, 0x8000).lanewise(VectorOperators.LSHL, 16);
    VectorMask<Integer> special = moved.compare(VectorOperators.GE, 0x7c00 << 13);
    return moved
        .reinterpretAsFloats()
        .mul(0x1p112f)
        .reinterpretAsInts()
        .lanewise(VectorOperators.OR, 0x7f800000, special)
        .lanewise(VectorOperators.OR, sign)
        .reinterpretAsFloats();
  }

  /** Writes {@code count} floats as F32, beginning with element {@code offset} of {@code to}. */
  static void write(float[] from, MemorySegment to, long offset, int count) {
    MemorySegment.copy(from, 0, to, FLOATS, offset * Float.BYTES, count);
  }
}
