// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

/**
 * The two matrix products of attention on register tiles of {@link Blocking#ROWS} rows by {@link
 * Blocking#BLOCK} columns. Both compute {@code C[r][x] = Σᵢ A(r, i) · B[i][x]} with one element of
 * A broadcast against a row of B; they differ in how A lies in memory. B and C have rows of {@link
 * Blocking#BLOCK} floats.
 *
 * <p>The tiles are unrolled by hand: only local variables stay in registers. All distances are
 * constants, so that the JIT compiler checks bounds once before the loop.
 */
final class RegisterTiles {
  private RegisterTiles() {}

  /**
   * {@code C = A·B} for the scores of keys against transposed queries: the rows of A are {@link
   * KeyTile#STRIDE} floats apart, and the elements of a row are contiguous.
   */
  static void scores(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
    // A constant, so that the compiler keeps one of them.
    switch (Blocking.ROWS) {
      case 8 -> Tile8x2.scores(a, aAt, b, bAt, c, cAt, depth);
      case 6 -> Tile6x2.scores(a, aAt, b, bAt, c, cAt, depth);
      default -> Tile3x3.scores(a, aAt, b, bAt, c, cAt, depth);
    }
  }

  /**
   * {@code C += A·B} for transposed values times weights: the elements of a column of A are
   * contiguous, and the columns are {@link KeyTile#STRIDE} floats apart. A·B is summed for itself
   * first: adding thousands of terms of one size to C one by one would round most of them alike.
   */
  static void accumulate(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
    switch (Blocking.ROWS) {
      case 8 -> Tile8x2.accumulate(a, aAt, b, bAt, c, cAt, depth);
      case 6 -> Tile6x2.accumulate(a, aAt, b, bAt, c, cAt, depth);
      default -> Tile3x3.accumulate(a, aAt, b, bAt, c, cAt, depth);
    }
  }
}
