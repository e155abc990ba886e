// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The vector width, a constant that the JIT compiler folds into the loops. */
final class Lanes {
  /** The machine's preferred vector species. */
  static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

  /** Number of floats of one vector. */
  static final int LENGTH = F.length();

  /** Whether there are 16 vector registers: x86 has 32 only with 512 bits, NEON and SVE always. */
  static final boolean FEW_REGISTERS =
      F.vectorBitSize() < 512 && System.getProperty("os.arch").matches("amd64|x86_64|x86");

  private Lanes() {}
}
