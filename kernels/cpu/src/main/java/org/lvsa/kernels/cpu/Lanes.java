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

  /** Number of queries of one block: two vectors, side by side. */
  static final int BLOCK = 2 * LENGTH;

  /**
   * Rows of the register tile: with two vectors a row, 16 accumulators need the 32 registers of
   * AVX-512 (or of NEON), 8 fit the 16 of AVX2.
   */
  static final int ROWS = F.vectorBitSize() == 256 ? 4 : 8;

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
