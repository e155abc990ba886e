// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.KeyTile.STRIDE;
import static org.lvsa.kernels.cpu.Lanes.F;
import static org.lvsa.kernels.cpu.Lanes.LENGTH;

import jdk.incubator.vector.FloatVector;

/**
 * A tile for 32 registers: 16 hold sums, and the compiler loads a step's 2 columns and 8 rows in
 * front of its multiply-adds. See {@link RegisterTiles} for what the methods compute.
 */
final class Tile8x2 {
  /** Length of a row of B and of C. */
  private static final int WIDTH = 2 * LENGTH;

  private Tile8x2() {}

  static void scores(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
    FloatVector c00 = FloatVector.zero(F);
    FloatVector c01 = FloatVector.zero(F);
    FloatVector c10 = FloatVector.zero(F);
    FloatVector c11 = FloatVector.zero(F);
    FloatVector c20 = FloatVector.zero(F);
    FloatVector c21 = FloatVector.zero(F);
    FloatVector c30 = FloatVector.zero(F);
    FloatVector c31 = FloatVector.zero(F);
    FloatVector c40 = FloatVector.zero(F);
    FloatVector c41 = FloatVector.zero(F);
    FloatVector c50 = FloatVector.zero(F);
    FloatVector c51 = FloatVector.zero(F);
    FloatVector c60 = FloatVector.zero(F);
    FloatVector c61 = FloatVector.zero(F);
    FloatVector c70 = FloatVector.zero(F);
    FloatVector c71 = FloatVector.zero(F);
    for (int i = 0; i < depth; i++) {
      FloatVector b0 = FloatVector.fromArray(F, b, bAt + i * WIDTH);
      FloatVector b1 = FloatVector.fromArray(F, b, bAt + i * WIDTH + LENGTH);
      FloatVector s = FloatVector.broadcast(F, a[aAt + i]);
      c00 = s.fma(b0, c00);
      c01 = s.fma(b1, c01);
      s = FloatVector.broadcast(F, a[aAt + STRIDE + i]);
      c10 = s.fma(b0, c10);
      c11 = s.fma(b1, c11);
      s = FloatVector.broadcast(F, a[aAt + 2 * STRIDE + i]);
      c20 = s.fma(b0, c20);
      c21 = s.fma(b1, c21);
      s = FloatVector.broadcast(F, a[aAt + 3 * STRIDE + i]);
      c30 = s.fma(b0, c30);
      c31 = s.fma(b1, c31);
      s = FloatVector.broadcast(F, a[aAt + 4 * STRIDE + i]);
      c40 = s.fma(b0, c40);
      c41 = s.fma(b1, c41);
      s = FloatVector.broadcast(F, a[aAt + 5 * STRIDE + i]);
      c50 = s.fma(b0, c50);
      c51 = s.fma(b1, c51);
      s = FloatVector.broadcast(F, a[aAt + 6 * STRIDE + i]);
      c60 = s.fma(b0, c60);
      c61 = s.fma(b1, c61);
      s = FloatVector.broadcast(F, a[aAt + 7 * STRIDE + i]);
      c70 = s.fma(b0, c70);
      c71 = s.fma(b1, c71);
    }
    c00.intoArray(c, cAt);
    c01.intoArray(c, cAt + LENGTH);
    c10.intoArray(c, cAt + WIDTH);
    c11.intoArray(c, cAt + WIDTH + LENGTH);
    c20.intoArray(c, cAt + 2 * WIDTH);
    c21.intoArray(c, cAt + 2 * WIDTH + LENGTH);
    c30.intoArray(c, cAt + 3 * WIDTH);
    c31.intoArray(c, cAt + 3 * WIDTH + LENGTH);
    c40.intoArray(c, cAt + 4 * WIDTH);
    c41.intoArray(c, cAt + 4 * WIDTH + LENGTH);
    c50.intoArray(c, cAt + 5 * WIDTH);
    c51.intoArray(c, cAt + 5 * WIDTH + LENGTH);
    c60.intoArray(c, cAt + 6 * WIDTH);
    c61.intoArray(c, cAt + 6 * WIDTH + LENGTH);
    c70.intoArray(c, cAt + 7 * WIDTH);
    c71.intoArray(c, cAt + 7 * WIDTH + LENGTH);
  }

  static void accumulate(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
    FloatVector c00 = FloatVector.zero(F);
    FloatVector c01 = FloatVector.zero(F);
    FloatVector c10 = FloatVector.zero(F);
    FloatVector c11 = FloatVector.zero(F);
    FloatVector c20 = FloatVector.zero(F);
    FloatVector c21 = FloatVector.zero(F);
    FloatVector c30 = FloatVector.zero(F);
    FloatVector c31 = FloatVector.zero(F);
    FloatVector c40 = FloatVector.zero(F);
    FloatVector c41 = FloatVector.zero(F);
    FloatVector c50 = FloatVector.zero(F);
    FloatVector c51 = FloatVector.zero(F);
    FloatVector c60 = FloatVector.zero(F);
    FloatVector c61 = FloatVector.zero(F);
    FloatVector c70 = FloatVector.zero(F);
    FloatVector c71 = FloatVector.zero(F);
    for (int i = 0; i < depth; i++) {
      FloatVector b0 = FloatVector.fromArray(F, b, bAt + i * WIDTH);
      FloatVector b1 = FloatVector.fromArray(F, b, bAt + i * WIDTH + LENGTH);
      FloatVector s = FloatVector.broadcast(F, a[aAt + i * STRIDE]);
      c00 = s.fma(b0, c00);
      c01 = s.fma(b1, c01);
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 1]);
      c10 = s.fma(b0, c10);
      c11 = s.fma(b1, c11);
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 2]);
      c20 = s.fma(b0, c20);
      c21 = s.fma(b1, c21);
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 3]);
      c30 = s.fma(b0, c30);
      c31 = s.fma(b1, c31);
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 4]);
      c40 = s.fma(b0, c40);
      c41 = s.fma(b1, c41);
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 5]);
      c50 = s.fma(b0, c50);
      c51 = s.fma(b1, c51);
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 6]);
      c60 = s.fma(b0, c60);
      c61 = s.fma(b1, c61);
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 7]);
      c70 = s.fma(b0, c70);
      c71 = s.fma(b1, c71);
    }
    FloatVector.fromArray(F, c, cAt).add(c00).intoArray(c, cAt);
    FloatVector.fromArray(F, c, cAt + LENGTH).add(c01).intoArray(c, cAt + LENGTH);
    FloatVector.fromArray(F, c, cAt + WIDTH).add(c10).intoArray(c, cAt + WIDTH);
    FloatVector.fromArray(F, c, cAt + WIDTH + LENGTH).add(c11).intoArray(c, cAt + WIDTH + LENGTH);
    FloatVector.fromArray(F, c, cAt + 2 * WIDTH).add(c20).intoArray(c, cAt + 2 * WIDTH);
    FloatVector.fromArray(F, c, cAt + 2 * WIDTH + LENGTH)
        .add(c21)
        .intoArray(c, cAt + 2 * WIDTH + LENGTH);
    FloatVector.fromArray(F, c, cAt + 3 * WIDTH).add(c30).intoArray(c, cAt + 3 * WIDTH);
    FloatVector.fromArray(F, c, cAt + 3 * WIDTH + LENGTH)
        .add(c31)
        .intoArray(c, cAt + 3 * WIDTH + LENGTH);
    FloatVector.fromArray(F, c, cAt + 4 * WIDTH).add(c40).intoArray(c, cAt + 4 * WIDTH);
    FloatVector.fromArray(F, c, cAt + 4 * WIDTH + LENGTH)
        .add(c41)
        .intoArray(c, cAt + 4 * WIDTH + LENGTH);
    FloatVector.fromArray(F, c, cAt + 5 * WIDTH).add(c50).intoArray(c, cAt + 5 * WIDTH);
    FloatVector.fromArray(F, c, cAt + 5 * WIDTH + LENGTH)
        .add(c51)
        .intoArray(c, cAt + 5 * WIDTH + LENGTH);
    FloatVector.fromArray(F, c, cAt + 6 * WIDTH).add(c60).intoArray(c, cAt + 6 * WIDTH);
    FloatVector.fromArray(F, c, cAt + 6 * WIDTH + LENGTH)
        .add(c61)
        .intoArray(c, cAt + 6 * WIDTH + LENGTH);
    FloatVector.fromArray(F, c, cAt + 7 * WIDTH).add(c70).intoArray(c, cAt + 7 * WIDTH);
    FloatVector.fromArray(F, c, cAt + 7 * WIDTH + LENGTH)
        .add(c71)
        .intoArray(c, cAt + 7 * WIDTH + LENGTH);
  }
}
