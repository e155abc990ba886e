// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The number format that query, key and value are stored in, little-endian. Outputs are always
 * {@link #F32}.
 */
public enum DType {
  /** Single precision, IEEE 754 binary32. */
  F32(Float.BYTES),
  /** Half precision, IEEE 754 binary16. */
  F16(Short.BYTES),
  /** bfloat16: the upper 16 bits of a binary32. */
  BF16(Short.BYTES);

  private static final ValueLayout.OfFloat FLOATS =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort HALVES =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Number of bytes of one element. */
  public int bytes() {
    return bytes;
  }

  /** Reads element {@code index}, counted in elements and not in bytes, as a float. Exact. */
  public float get(MemorySegment memory, long index) {
    return switch (this) {
      case F32 -> memory.get(FLOATS, index * Float.BYTES);
      case F16 -> Float.float16ToFloat(memory.get(HALVES, index * Short.BYTES));
      case BF16 -> bfloat16ToFloat(memory.get(HALVES, index * Short.BYTES));
    };
  }

  /** Writes element {@code index}; a narrower type rounds to the nearest number, ties to even. */
  public void set(MemorySegment memory, long index, float value) {
    switch (this) {
      case F32 -> memory.set(FLOATS, index * Float.BYTES, value);
      case F16 -> memory.set(HALVES, index * Short.BYTES, Float.floatToFloat16(value));
      case BF16 -> memory.set(HALVES, index * Short.BYTES, floatToBfloat16(value));
    }
  }

  /** The float that a bfloat16 bit pattern stands for. Exact. */
  public static float bfloat16ToFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** The bit pattern of the nearest bfloat16, ties to even; NaN stays NaN. */
  public static short floatToBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }
}
