// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector width, and the register blocking that follows from it. These are constants so that the
 * JIT compiler folds them into the loops.
 */
final class Lanes {
  /**
   * The machine's preferred vector species. Tests choose another with {@code
   * -Dlvsa.vectorBits=512|256|128}.
   */
  static final VectorSpecies<Float> F = species(Integer.getInteger("lvsa.vectorBits", 0));

  /** Number of floats of one vector. */
  static final int LENGTH = F.length();

  /** Whether there are 16 vector registers: x86 has 32 only with 512 bits, NEON and SVE always. */
  private static final boolean FEW_REGISTERS =
      F.vectorBitSize() < 512 && System.getProperty("os.arch").matches("amd64|x86_64|x86");

  /**
   * Rows of the register tile. The JIT compiler moves all loads of a step of the inner loop in
   * front of its multiply-adds, so the registers have to hold the tile, a vector per column and a
   * vector per row at once: 9 + 3 + 3 of 16, or 16 + 2 + 8 of 32. One more row, and it spills.
   */
  static final int ROWS = FEW_REGISTERS ? 3 : 8;

  /** Columns of the register tile, in vectors. */
  static final int COLUMNS = FEW_REGISTERS ? 3 : 2;

  /** Number of queries of one block: a row of the register tile. */
  static final int BLOCK = COLUMNS * LENGTH;

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
