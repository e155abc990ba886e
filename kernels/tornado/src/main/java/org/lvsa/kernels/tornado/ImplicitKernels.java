// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task10;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task12;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task15;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task7;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The kernels of convolutions without columns, for one type of what convolutions read; {@link
 * PaddedFrames} and {@link ImplicitConvKernels} say what each of them does.
 */
record ImplicitKernels<A>(Place<A> place, Surround<A> surround, Keep<A> keep, Widths<A> widths) {
  /** Those that there are. */
  static final ImplicitKernels<HalfFloatArray> HALVES =
      new ImplicitKernels<>(
          PaddedFrames::place,
          PaddedFrames::surround,
          PaddedFrames::keep,
          width ->
              switch (width) {
                case 128 -> ImplicitConvKernels::channels128;
                case 96 -> ImplicitConvKernels::channels96;
                case 64 -> ImplicitConvKernels::channels64;
                case 32 -> ImplicitConvKernels::channels32;
                case 16 -> ImplicitConvKernels::channels16;
                case 8 -> ImplicitConvKernels::channels8;
                default -> throw new IllegalArgumentException("no tile of " + width);
              });

  /** {@link PaddedFrames#place}. */
  interface Place<A>
      extends Task10<
          KernelContext,
          FloatArray,
          A,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer> {}

  /** {@link PaddedFrames#surround}. */
  interface Surround<A>
      extends Task12<
          KernelContext,
          A,
          A,
          A,
          IntArray,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer> {}

  /** {@link PaddedFrames#keep}. */
  interface Keep<A> extends Task7<KernelContext, A, A, IntArray, Integer, Integer, Integer> {}

  /** A kernel of {@link ImplicitConvKernels}. */
  interface Convolve<A>
      extends Task15<
          KernelContext,
          A,
          A,
          A,
          FloatArray,
          IntArray,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer> {}

  /** The kernel for a width of tiles. */
  @FunctionalInterface
  interface Widths<A> {
    /**
     * The kernel.
     *
     * @param width result channels of a tile
     */
    Convolve<A> of(int width);
  }
}
