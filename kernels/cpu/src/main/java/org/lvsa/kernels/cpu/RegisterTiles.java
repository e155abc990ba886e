// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.KeyTile.STRIDE;
import static org.lvsa.kernels.cpu.Lanes.BLOCK;
import static org.lvsa.kernels.cpu.Lanes.F;
import static org.lvsa.kernels.cpu.Lanes.LENGTH;
import static org.lvsa.kernels.cpu.Lanes.ROWS;

import jdk.incubator.vector.FloatVector;

/**
 * The two matrix products of attention on register tiles of {@link Lanes#ROWS} rows by {@link
 * Lanes#BLOCK} columns. Both compute {@code C[r][x] = Σᵢ A(r, i) · B[i][x]} with one element of A
 * broadcast against a row of B; they differ in how A lies in memory. B and C have rows of {@link
 * Lanes#BLOCK} floats.
 *
 * <p>Unrolled by hand: only local variables stay in registers. All distances are constants, so that
 * the JIT compiler checks bounds once before the loop.
 */
final class RegisterTiles {
  private RegisterTiles() {}

  /**
   * {@code C = A·B} for the scores of keys against transposed queries: the rows of A are {@link
   * KeyTile#STRIDE} floats apart, and the elements of a row are contiguous.
   */
  static void scores(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
    if (ROWS == 8) {
      scores8x2(a, aAt, b, bAt, c, cAt, depth);
    } else {
      scores3x3(a, aAt, b, bAt, c, cAt, depth);
    }
  }

  /**
   * {@code C += A·B} for transposed values times weights: the elements of a column of A are
   * contiguous, and the columns are {@link KeyTile#STRIDE} floats apart. A·B is summed for itself
   * first: adding thousands of terms of one size to C one by one would round most of them alike.
   */
  static void accumulate(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
    if (ROWS == 8) {
      accumulate8x2(a, aAt, b, bAt, c, cAt, depth);
    } else {
      accumulate3x3(a, aAt, b, bAt, c, cAt, depth);
    }
  }

  private static void scores8x2(
      float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
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
      FloatVector b0 = FloatVector.fromArray(F, b, bAt + i * BLOCK);
      FloatVector b1 = FloatVector.fromArray(F, b, bAt + i * BLOCK + LENGTH);
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
    c10.intoArray(c, cAt + BLOCK);
    c11.intoArray(c, cAt + BLOCK + LENGTH);
    c20.intoArray(c, cAt + 2 * BLOCK);
    c21.intoArray(c, cAt + 2 * BLOCK + LENGTH);
    c30.intoArray(c, cAt + 3 * BLOCK);
    c31.intoArray(c, cAt + 3 * BLOCK + LENGTH);
    c40.intoArray(c, cAt + 4 * BLOCK);
    c41.intoArray(c, cAt + 4 * BLOCK + LENGTH);
    c50.intoArray(c, cAt + 5 * BLOCK);
    c51.intoArray(c, cAt + 5 * BLOCK + LENGTH);
    c60.intoArray(c, cAt + 6 * BLOCK);
    c61.intoArray(c, cAt + 6 * BLOCK + LENGTH);
    c70.intoArray(c, cAt + 7 * BLOCK);
    c71.intoArray(c, cAt + 7 * BLOCK + LENGTH);
  }

  private static void accumulate8x2(
      float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
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
      FloatVector b0 = FloatVector.fromArray(F, b, bAt + i * BLOCK);
      FloatVector b1 = FloatVector.fromArray(F, b, bAt + i * BLOCK + LENGTH);
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
    FloatVector.fromArray(F, c, cAt + BLOCK).add(c10).intoArray(c, cAt + BLOCK);
    FloatVector.fromArray(F, c, cAt + BLOCK + LENGTH).add(c11).intoArray(c, cAt + BLOCK + LENGTH);
    FloatVector.fromArray(F, c, cAt + 2 * BLOCK).add(c20).intoArray(c, cAt + 2 * BLOCK);
    FloatVector.fromArray(F, c, cAt + 2 * BLOCK + LENGTH)
        .add(c21)
        .intoArray(c, cAt + 2 * BLOCK + LENGTH);
    FloatVector.fromArray(F, c, cAt + 3 * BLOCK).add(c30).intoArray(c, cAt + 3 * BLOCK);
    FloatVector.fromArray(F, c, cAt + 3 * BLOCK + LENGTH)
        .add(c31)
        .intoArray(c, cAt + 3 * BLOCK + LENGTH);
    FloatVector.fromArray(F, c, cAt + 4 * BLOCK).add(c40).intoArray(c, cAt + 4 * BLOCK);
    FloatVector.fromArray(F, c, cAt + 4 * BLOCK + LENGTH)
        .add(c41)
        .intoArray(c, cAt + 4 * BLOCK + LENGTH);
    FloatVector.fromArray(F, c, cAt + 5 * BLOCK).add(c50).intoArray(c, cAt + 5 * BLOCK);
    FloatVector.fromArray(F, c, cAt + 5 * BLOCK + LENGTH)
        .add(c51)
        .intoArray(c, cAt + 5 * BLOCK + LENGTH);
    FloatVector.fromArray(F, c, cAt + 6 * BLOCK).add(c60).intoArray(c, cAt + 6 * BLOCK);
    FloatVector.fromArray(F, c, cAt + 6 * BLOCK + LENGTH)
        .add(c61)
        .intoArray(c, cAt + 6 * BLOCK + LENGTH);
    FloatVector.fromArray(F, c, cAt + 7 * BLOCK).add(c70).intoArray(c, cAt + 7 * BLOCK);
    FloatVector.fromArray(F, c, cAt + 7 * BLOCK + LENGTH)
        .add(c71)
        .intoArray(c, cAt + 7 * BLOCK + LENGTH);
  }

  private static void scores3x3(
      float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
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
      FloatVector b0 = FloatVector.fromArray(F, b, bAt + i * BLOCK);
      FloatVector b1 = FloatVector.fromArray(F, b, bAt + i * BLOCK + LENGTH);
      FloatVector b2 = FloatVector.fromArray(F, b, bAt + i * BLOCK + 2 * LENGTH);
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
    c10.intoArray(c, cAt + BLOCK);
    c11.intoArray(c, cAt + BLOCK + LENGTH);
    c12.intoArray(c, cAt + BLOCK + 2 * LENGTH);
    c20.intoArray(c, cAt + 2 * BLOCK);
    c21.intoArray(c, cAt + 2 * BLOCK + LENGTH);
    c22.intoArray(c, cAt + 2 * BLOCK + 2 * LENGTH);
  }

  private static void accumulate3x3(
      float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
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
      FloatVector b0 = FloatVector.fromArray(F, b, bAt + i * BLOCK);
      FloatVector b1 = FloatVector.fromArray(F, b, bAt + i * BLOCK + LENGTH);
      FloatVector b2 = FloatVector.fromArray(F, b, bAt + i * BLOCK + 2 * LENGTH);
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
    FloatVector.fromArray(F, c, cAt + BLOCK).add(c10).intoArray(c, cAt + BLOCK);
    FloatVector.fromArray(F, c, cAt + BLOCK + LENGTH).add(c11).intoArray(c, cAt + BLOCK + LENGTH);
    FloatVector.fromArray(F, c, cAt + BLOCK + 2 * LENGTH)
        .add(c12)
        .intoArray(c, cAt + BLOCK + 2 * LENGTH);
    FloatVector.fromArray(F, c, cAt + 2 * BLOCK).add(c20).intoArray(c, cAt + 2 * BLOCK);
    FloatVector.fromArray(F, c, cAt + 2 * BLOCK + LENGTH)
        .add(c21)
        .intoArray(c, cAt + 2 * BLOCK + LENGTH);
    FloatVector.fromArray(F, c, cAt + 2 * BLOCK + 2 * LENGTH)
        .add(c22)
        .intoArray(c, cAt + 2 * BLOCK + 2 * LENGTH);
  }
}
