// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.KeyTile.STRIDE;
import static org.lvsa.kernels.cpu.Lanes.F;
import static org.lvsa.kernels.cpu.Lanes.LENGTH;

import java.lang.invoke.VarHandle;
import jdk.incubator.vector.FloatVector;

/**
 * A tile for 16 registers: 12 hold sums, 2 a row of B and 1 the element of A at hand. See {@link
 * RegisterTiles} for what the methods compute.
 *
 * <p>The compiler likes to put all loads of a step in front of its multiply-adds; the 6 elements of
 * A would need 20 registers then, and it would keep sums in memory, at half the speed. The fences
 * between the rows forbid it, for no load moves across one. On x86 they are no instructions.
 */
final class Tile6x2 {
  /** Length of a row of B and of C. */
  private static final int WIDTH = 2 * LENGTH;

  private Tile6x2() {}

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
    for (int i = 0; i < depth; i++) {
      FloatVector b0 = FloatVector.fromArray(F, b, bAt + i * WIDTH);
      FloatVector b1 = FloatVector.fromArray(F, b, bAt + i * WIDTH + LENGTH);
      FloatVector s = FloatVector.broadcast(F, a[aAt + i]);
      c00 = s.fma(b0, c00);
      c01 = s.fma(b1, c01);
      VarHandle.loadLoadFence();
      s = FloatVector.broadcast(F, a[aAt + STRIDE + i]);
      c10 = s.fma(b0, c10);
      c11 = s.fma(b1, c11);
      VarHandle.loadLoadFence();
      s = FloatVector.broadcast(F, a[aAt + 2 * STRIDE + i]);
      c20 = s.fma(b0, c20);
      c21 = s.fma(b1, c21);
      VarHandle.loadLoadFence();
      s = FloatVector.broadcast(F, a[aAt + 3 * STRIDE + i]);
      c30 = s.fma(b0, c30);
      c31 = s.fma(b1, c31);
      VarHandle.loadLoadFence();
      s = FloatVector.broadcast(F, a[aAt + 4 * STRIDE + i]);
      c40 = s.fma(b0, c40);
      c41 = s.fma(b1, c41);
      VarHandle.loadLoadFence();
      s = FloatVector.broadcast(F, a[aAt + 5 * STRIDE + i]);
      c50 = s.fma(b0, c50);
      c51 = s.fma(b1, c51);
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
    for (int i = 0; i < depth; i++) {
      FloatVector b0 = FloatVector.fromArray(F, b, bAt + i * WIDTH);
      FloatVector b1 = FloatVector.fromArray(F, b, bAt + i * WIDTH + LENGTH);
      FloatVector s = FloatVector.broadcast(F, a[aAt + i * STRIDE]);
      c00 = s.fma(b0, c00);
      c01 = s.fma(b1, c01);
      VarHandle.loadLoadFence();
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 1]);
      c10 = s.fma(b0, c10);
      c11 = s.fma(b1, c11);
      VarHandle.loadLoadFence();
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 2]);
      c20 = s.fma(b0, c20);
      c21 = s.fma(b1, c21);
      VarHandle.loadLoadFence();
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 3]);
      c30 = s.fma(b0, c30);
      c31 = s.fma(b1, c31);
      VarHandle.loadLoadFence();
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 4]);
      c40 = s.fma(b0, c40);
      c41 = s.fma(b1, c41);
      VarHandle.loadLoadFence();
      s = FloatVector.broadcast(F, a[aAt + i * STRIDE + 5]);
      c50 = s.fma(b0, c50);
      c51 = s.fma(b1, c51);
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
  }
}
