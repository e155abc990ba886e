// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.MemorySegment;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas;

/**
 * Products of row-major matrices by OpenBLAS, the same library that ND4J uses, without the copies
 * that ND4J makes of row-major results. OpenBLAS takes all processors by itself.
 */
public final class Gemm {
  private Gemm() {}

  /** {@code c = scale · a · b + keep · c}. */
  public static void multiply(Matrix a, Matrix b, float scale, float keep, Matrix c) {
    check(a, b, c, a.columns() == b.rows(), b.columns());
    run(openblas.CblasNoTrans, a, b, scale, keep, c);
  }

  /** {@code c = scale · a · bᵀ + keep · c}. */
  public static void multiplyTransposed(Matrix a, Matrix b, float scale, float keep, Matrix c) {
    check(a, b, c, a.columns() == b.columns(), b.rows());
    run(openblas.CblasTrans, a, b, scale, keep, c);
  }

  private static void check(Matrix a, Matrix b, Matrix c, boolean fits, int columns) {
    if (!fits || c.rows() != a.rows() || c.columns() != columns) {
      throw new IllegalArgumentException(
          "matrices do not fit: " + size(a) + " and " + size(b) + " into " + size(c));
    }
  }

  private static String size(Matrix matrix) {
    return matrix.rows() + "x" + matrix.columns();
  }

  private static void run(int transposeB, Matrix a, Matrix b, float scale, float keep, Matrix c) {
    if (c.rows() == 0) {
      return;
    }
    openblas.cblas_sgemm(
        openblas.CblasRowMajor,
        openblas.CblasNoTrans,
        transposeB,
        c.rows(),
        c.columns(),
        a.columns(),
        scale,
        new Address(a.memory()),
        a.stride(),
        new Address(b.memory()),
        b.stride(),
        keep,
        new Address(c.memory()),
        c.stride());
  }

  /** Memory that somebody else owns, as JavaCPP passes it to native code. */
  private static final class Address extends FloatPointer {
    Address(MemorySegment memory) {
      super((Pointer) null);
      address = memory.address();
    }
  }
}
