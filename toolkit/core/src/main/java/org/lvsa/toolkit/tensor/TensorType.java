// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.DType;

/**
 * How a tensor's elements are stored in a safetensors file: every type that the format has, by the
 * format's own names. Attention reads only F32, F16 and BF16, but a file may hold others beside
 * them.
 */
public enum TensorType {
  /** True or false, one byte per element. */
  BOOL(8),
  /** 4-bit floating point (E2M1), two elements per byte. */
  F4(4),
  /** 6-bit floating point with 2 exponent bits, four elements per three bytes. */
  F6_E2M3(6),
  /** 6-bit floating point with 3 exponent bits, four elements per three bytes. */
  F6_E3M2(6),
  /** Unsigned 8-bit integer. */
  U8(8),
  /** Signed 8-bit integer. */
  I8(8),
  /** 8-bit floating point with 5 exponent bits. */
  F8_E5M2(8),
  /** 8-bit floating point with 4 exponent bits. */
  F8_E4M3(8),
  /** A power of two as its exponent: the scale of a block of smaller numbers. */
  F8_E8M0(8),
  /** F8_E4M3 without infinities and without a negative zero, as AMD GPUs have it. */
  F8_E4M3FNUZ(8),
  /** F8_E5M2 without infinities and without a negative zero, as AMD GPUs have it. */
  F8_E5M2FNUZ(8),
  /** Signed 16-bit integer. */
  I16(16),
  /** Unsigned 16-bit integer. */
  U16(16),
  /** IEEE 754 half precision. */
  F16(16),
  /** The upper half of an F32. */
  BF16(16),
  /** Signed 32-bit integer. */
  I32(32),
  /** Unsigned 32-bit integer. */
  U32(32),
  /** IEEE 754 single precision. */
  F32(32),
  /** A complex number of two F32. */
  C64(64),
  /** IEEE 754 double precision. */
  F64(64),
  /** Signed 64-bit integer. */
  I64(64),
  /** Unsigned 64-bit integer. */
  U64(64);

  private final int bits;

  TensorType(int bits) {
    this.bits = bits;
  }

  /** Bits per element. */
  public int bits() {
    return bits;
  }

  /** The type as kernels take it; empty for the types that kernels do not take. */
  public Optional<DType> dtype() {
    return Arrays.stream(DType.values()).filter(type -> type.name().equals(name())).findFirst();
  }

  /** The type of that name, which the format spells in capitals. */
  static Optional<TensorType> named(String name) {
    return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
  }

  /** Every name. */
  static List<String> names() {
    return Arrays.stream(values()).map(TensorType::name).toList();
  }
}
