// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

/**
 * The register tile, chosen once for the process. Its sizes are constants, so that the JIT compiler
 * folds them into the loops.
 */
final class Blocking {
  private static final TileTrial.Candidate TILE = tile(System.getProperty("lvsa.vectorTile", ""));

  /** Rows of the register tile. */
  static final int ROWS = TILE.rows();

  /** Columns of the register tile, in vectors. */
  static final int COLUMNS = TILE.columns();

  /** Number of queries of one block: a row of the register tile. */
  static final int BLOCK = COLUMNS * Lanes.LENGTH;

  private Blocking() {}

  /**
   * @param asked name of a tile, which tests give; empty for the fastest
   */
  private static TileTrial.Candidate tile(String asked) {
    if (!asked.isEmpty()) {
      return TileTrial.named(asked);
    }
    if (!Lanes.FEW_REGISTERS) {
      return TileTrial.named("8x2");
    }
    KeptTile kept = KeptTile.ofThisMachine(Lanes.F.vectorBitSize());
    return kept.choose(
        TileTrial.FOR_FEW_REGISTERS,
        () -> TileTrial.fastest(TileTrial.FOR_FEW_REGISTERS, System::nanoTime));
  }
}
