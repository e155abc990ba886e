// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The vector width, a constant that the JIT compiler folds into the loops. */
final class Lanes {
  /**
   * The machine's preferred vector species. Tests choose another with {@code
   * -Dlvsa.vectorBits=512|256|128}.
   */
  static final VectorSpecies<Float> F = species(Integer.getInteger("lvsa.vectorBits", 0));

  /** Number of floats of one vector. */
  static final int LENGTH = F.length();

  /** Whether there are 16 vector registers: x86 has 32 only with 512 bits, NEON and SVE always. */
  static final boolean FEW_REGISTERS =
      F.vectorBitSize() < 512 && System.getProperty("os.arch").matches("amd64|x86_64|x86");

  private Lanes() {}

  private static VectorSpecies<Float> species(int bits) {
    return switch (bits) {
      case 0 -> FloatVector.SPECIES_PREFERRED;
      case 128 -> FloatVector.SPECIES_128;
      case 256 -> FloatVector.SPECIES_256;
      case 512 -> FloatVector.SPECIES_512;
      default ->
          throw new IllegalArgumentException(
              "lvsa.vectorBits must be 128, 256 or 512, got " + bits);
    };
  }
}
