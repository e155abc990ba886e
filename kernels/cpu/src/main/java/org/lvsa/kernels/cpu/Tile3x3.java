// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.KeyTile.STRIDE;
import static org.lvsa.kernels.cpu.Lanes.F;
import static org.lvsa.kernels.cpu.Lanes.LENGTH;

import jdk.incubator.vector.FloatVector;

/**
 * A tile for 16 registers that hold it in whatever order the compiler loads: 9 sums, 3 columns and
 * 3 rows. See {@link RegisterTiles} for what the methods compute.
 */
final class Tile3x3 {
  /** Length of a row of B and of C. */
  private static final int WIDTH = 3 * LENGTH;

  private Tile3x3() {}

  static void scores(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
    FloatVector c00 = FloatVector.zero(F);
    FloatVector c01 = FloatVector.zero(F);
    FloatVector c02 = FloatVector.zero(F);
    FloatVector c10 = FloatVector.zero(F);
    FloatVector c11 = FloatVector.zero(F);
    FloatVector c12 = FloatVector.zero(F);
    FloatVector c20 = FloatVector.zero(F);
    FloatVector c21 = FloatVector.zero(F);
    FloatVector c22 = FloatVector.zero(F);
    for (int i = 0; i < depth; i++) {
      FloatVector b0 = FloatVector.fromArray(F, b, bAt + i * WIDTH);
      FloatVector b1 = FloatVector.fromArray(F, b, bAt + i * WIDTH + LENGTH);
      FloatVector b2 = FloatVector.fromArray(F, b, bAt + i * WIDTH + 2 * LENGTH);
      FloatVector s = FloatVector.broadcast(F, a[aAt + i]);
      c00 = s.fma(b0, c00);
      c01 = s.fma(b1, c01);
      c02 = s.fma(b2, c02);
      s = FloatVector.broadcast(F, a[aAt + STRIDE + i]);
      c10 = s.fma(b0, c10);
      c11 = s.fma(b1, c11);
      c12 = s.fma(b2, c12);
      s = FloatVector.broadcast(F, a[aAt + 2 * STRIDE + i]);
      c20 = s.fma(b0, c20);
      c21 = s.fma(b1, c21);
      c22 = s.fma(b2, c22);
    }
    c00.intoArray(c, cAt);
    c01.intoArray(c, cAt + LENGTH);
    c02.intoArray(c, cAt + 2 * LENGTH);
    c10.intoArray(c, cAt + WIDTH);
    c11.intoArray(c, cAt + WIDTH + LENGTH);
    c12.intoArray(c, cAt + WIDTH + 2 * LENGTH);
    c20.intoArray(c, cAt + 2 * WIDTH);
    c21.intoArray(c, cAt + 2 * WIDTH + LENGTH);
    c22.intoArray(c, cAt + 2 * WIDTH + 2 * LENGTH);
  }

  static void accumulate(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
    FloatVector c00 = FloatVector.zero(F);
    FloatVector c01 = FloatVector.zero(F);
    FloatVector c02 = FloatVector.zero(F);
    FloatVector c10 = FloatVector.zero(F);
    FloatVector c11 = FloatVector.zero(F);
    FloatVector c12 = FloatVector.zero(F);
    FloatVector c20 = FloatVector.zero(F);
    FloatVector c21 = FloatVector.zero(F);
    FloatVector c22 = FloatVector.zero(F);
    for (int i = 0; i < depth; i++) {
      FloatVector b0 = FloatVector.fromArray(F, b, bAt + i * WIDTH);
      FloatVector b1 = FloatVector.fromArray(F, b, bAt + i * WIDTH + LENGTH);
      FloatVector b2 = FloatVector.fromArray(F, b, bAt + i * WIDTH + 2 * LENGTH);
      FloatVector s = FloatVector.broadcast(F, a[aAt + i * STRIDE]);
      c00 = s.fma(b0, c00);
      c01 = s.fma(b1, c01);
      c02 = s.fma(b2, c02);
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 1]);
      c10 = s.fma(b0, c10);
      c11 = s.fma(b1, c11);
      c12 = s.fma(b2, c12);
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 2]);
      c20 = s.fma(b0, c20);
      c21 = s.fma(b1, c21);
      c22 = s.fma(b2, c22);
    }
    FloatVector.fromArray(F, c, cAt).add(c00).intoArray(c, cAt);
    FloatVector.fromArray(F, c, cAt + LENGTH).add(c01).intoArray(c, cAt + LENGTH);
    FloatVector.fromArray(F, c, cAt + 2 * LENGTH).add(c02).intoArray(c, cAt + 2 * LENGTH);
    FloatVector.fromArray(F, c, cAt + WIDTH).add(c10).intoArray(c, cAt + WIDTH);
    FloatVector.fromArray(F, c, cAt + WIDTH + LENGTH).add(c11).intoArray(c, cAt + WIDTH + LENGTH);
    FloatVector.fromArray(F, c, cAt + WIDTH + 2 * LENGTH)
        .add(c12)
        .intoArray(c, cAt + WIDTH + 2 * LENGTH);
    FloatVector.fromArray(F, c, cAt + 2 * WIDTH).add(c20).intoArray(c, cAt + 2 * WIDTH);
    FloatVector.fromArray(F, c, cAt + 2 * WIDTH + LENGTH)
        .add(c21)
        .intoArray(c, cAt + 2 * WIDTH + LENGTH);
    FloatVector.fromArray(F, c, cAt + 2 * WIDTH + 2 * LENGTH)
        .add(c22)
        .intoArray(c, cAt + 2 * WIDTH + 2 * LENGTH);
  }
}
