// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Optional;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task11;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task13;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task15;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task5;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task7;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task9;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A decoder's kernels for one type of what convolutions read; {@link FloatDecoderKernels} says what
 * each of them does.
 *
 * @param unit elements that a thread of {@code columns} and {@code keep} moves at once
 * @param implicit those of convolutions without columns; empty where there are none
 */
record DecoderKernels<A>(
    Norm<A> norm,
    GroupNorm<A> groupNorm,
    Columns<A> columns,
    Spread<A> spread,
    Keep<A> keep,
    Append<A> append,
    Softmax<A> softmax,
    int unit,
    Optional<ImplicitKernels<A>> implicit) {
  /** {@link FloatDecoderKernels#normPixels}. */
  interface Norm<A>
      extends Task11<
          KernelContext,
          FloatArray,
          FloatArray,
          A,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer> {}

  /** {@link FloatDecoderKernels#groupNorm}. */
  interface GroupNorm<A>
      extends Task13<
          KernelContext,
          FloatArray,
          FloatArray,
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

  /** {@link FloatDecoderKernels#columns}. */
  interface Columns<A>
      extends Task15<
          KernelContext,
          A,
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
          Integer,
          Integer,
          Integer> {}

  /** {@link FloatDecoderKernels#spread}. */
  interface Spread<A>
      extends Task11<
          KernelContext,
          A,
          FloatArray,
          IntArray,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer> {}

  /** {@link FloatDecoderKernels#keep}. */
  interface Keep<A>
      extends Task9<KernelContext, A, A, A, IntArray, Integer, Integer, Integer, Integer> {}

  /** {@link FloatDecoderKernels#append}. */
  interface Append<A> extends Task7<KernelContext, A, A, IntArray, Integer, Integer, Integer> {}

  /** {@link FloatDecoderKernels#softmax}. */
  interface Softmax<A> extends Task5<KernelContext, A, IntArray, Integer, Integer> {}
}
