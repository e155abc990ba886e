// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.tensor.TensorType;

/**
 * Stored numbers as float32, exactly. The formats of eight bits are those of Micikevicius et al.
 * 2022, "FP8 Formats for Deep Learning" (arXiv 2209.05433).
 */
final class Widening {
  private static final Set<TensorType> READ =
      EnumSet.of(
          TensorType.F32, TensorType.F16, TensorType.BF16, TensorType.F8_E4M3, TensorType.F8_E5M2);

  private static final float[] E4M3 = table(Widening::e4m3);

  /** The upper half of an IEEE 754 half precision number. */
  private static final float[] E5M2 = table(bits -> Float.float16ToFloat((short) (bits << 8)));

  private Widening() {}

  /** Whether weights may be stored so. */
  static boolean reads(TensorType type) {
    return READ.contains(type);
  }

  /** What is wrong with a type that is not read, after the tensor's name. */
  static String refusal(TensorType type) {
    return "has dtype "
        + type
        + ", allowed are "
        + READ.stream().map(TensorType::name).collect(Collectors.joining(", "));
  }

  /**
   * Widens elements that follow one another.
   *
   * @param type one that is read
   * @param first the first element
   * @param to filled whole
   */
  static void widen(TensorType type, MemorySegment data, long first, float[] to) {
    switch (type) {
      case F32 ->
          MemorySegment.copy(
              data, ValueLayout.JAVA_FLOAT_UNALIGNED, first * Float.BYTES, to, 0, to.length);
      case F16 -> halves(data, first, to, Float::float16ToFloat);
      case BF16 -> halves(data, first, to, DType::bfloat16ToFloat);
      case F8_E4M3 -> bytes(data, first, to, E4M3);
      case F8_E5M2 -> bytes(data, first, to, E5M2);
      default -> throw new IllegalArgumentException("not widened: " + type);
    }
  }

  /** From the bits of a narrow number to the number. */
  private interface FromShort {
    float number(short bits);
  }

  private static void halves(MemorySegment data, long first, float[] to, FromShort format) {
    short[] bits = new short[to.length];
    MemorySegment.copy(
        data, ValueLayout.JAVA_SHORT_UNALIGNED, first * Short.BYTES, bits, 0, bits.length);
    for (int i = 0; i < bits.length; i++) {
      to[i] = format.number(bits[i]);
    }
  }

  private static void bytes(MemorySegment data, long first, float[] to, float[] table) {
    byte[] bits = new byte[to.length];
    MemorySegment.copy(data, ValueLayout.JAVA_BYTE, first, bits, 0, bits.length);
    for (int i = 0; i < bits.length; i++) {
      to[i] = table[bits[i] & 0xFF];
    }
  }

  private static float[] table(IntFunction<Float> format) {
    float[] table = new float[1 << Byte.SIZE];
    for (int bits = 0; bits < table.length; bits++) {
      table[bits] = format.apply(bits);
    }
    return table;
  }

  /** A sign, four bits of exponent with bias 7, three of fraction; no infinities, one NaN. */
  private static float e4m3(int bits) {
    int exponent = bits >> 3 & 15;
    int fraction = bits & 7;
    float sign = bits >> 7 == 0 ? 1 : -1;
    if (exponent == 15 && fraction == 7) {
      return Float.NaN;
    }
    return exponent == 0
        ? sign * Math.scalb((float) fraction, -9)
        : sign * Math.scalb((float) (8 + fraction), exponent - 10);
  }
}
