// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.peers;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A vector width, and how each side is held to it. PyTorch's own loops follow {@code
 * ATEN_CPU_CAPABILITY}. Its matrix products are MKL's and oneDNN's, which have variables of their
 * own; MKL takes 256-bit code on AMD's processors whatever it is told.
 */
enum PeerWidth {
  /** Half of what a processor of the last ten years has. */
  BITS_128(
      128,
      List.of("-XX:UseAVX=2", "-XX:MaxVectorSize=16"),
      Map.of(
          "ATEN_CPU_CAPABILITY", "default",
          "ONEDNN_MAX_CPU_ISA", "SSE41",
          "MKL_ENABLE_INSTRUCTIONS", "SSE4_2")),
  /** AVX2 with its 16 registers. */
  BITS_256(
      256,
      List.of("-XX:UseAVX=2", "-XX:MaxVectorSize=32"),
      Map.of(
          "ATEN_CPU_CAPABILITY", "avx2",
          "ONEDNN_MAX_CPU_ISA", "AVX2",
          "MKL_ENABLE_INSTRUCTIONS", "AVX2")),
  /** AVX-512 with its 32 registers; PyTorch takes what it finds. */
  BITS_512(512, List.of("-XX:UseAVX=3", "-XX:MaxVectorSize=64"), Map.of());

  private final int bits;
  private final List<String> jvmFlags;
  private final Map<String, String> torchVariables;

  PeerWidth(int bits, List<String> jvmFlags, Map<String, String> torchVariables) {
    this.bits = bits;
    this.jvmFlags = jvmFlags;
    this.torchVariables = torchVariables;
  }

  int bits() {
    return bits;
  }

  List<String> jvmFlags() {
    return jvmFlags;
  }

  Map<String, String> torchVariables() {
    return torchVariables;
  }

  /**
   * The width of so many bits.
   *
   * @throws IllegalArgumentException if there is none
   */
  static PeerWidth of(int bits) {
    return Arrays.stream(values())
        .filter(width -> width.bits == bits)
        .findFirst()
        .orElseThrow(
            () -> new IllegalArgumentException("a width is 128, 256 or 512 bits, got " + bits));
  }
}
