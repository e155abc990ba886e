// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task11;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task15;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task5;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task6;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task9;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * The kernels of a transformer whose video and text share their layers, for one type of
 * activations; {@link FloatSharedBlockKernels} says what each of them does.
 */
record SharedBlockKernels<A>(
    Modulate<A> modulate,
    AddModulate<A> addModulate,
    AddGated<A> addGated,
    NormHeads<A> normHeads,
    Place<A> place) {
  /** {@link FloatSharedBlockKernels#modulate}. */
  interface Modulate<A>
      extends Task9<
          KernelContext,
          FloatArray,
          FloatArray,
          FloatArray,
          FloatArray,
          A,
          Integer,
          Integer,
          Float> {}

  /** {@link FloatSharedBlockKernels#addModulate}. */
  interface AddModulate<A>
      extends Task11<
          KernelContext,
          FloatArray,
          A,
          FloatArray,
          FloatArray,
          FloatArray,
          FloatArray,
          A,
          Integer,
          Integer,
          Float> {}

  /** {@link FloatSharedBlockKernels#addGated}. */
  interface AddGated<A> extends Task6<KernelContext, FloatArray, A, FloatArray, Integer, Integer> {}

  /** {@link FloatSharedBlockKernels#normHeads}. */
  interface NormHeads<A>
      extends Task15<
          KernelContext,
          A,
          FloatArray,
          FloatArray,
          FloatArray,
          Integer,
          Integer,
          Integer,
          Integer,
          Float,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer> {}

  /** {@link FloatSharedBlockKernels#place}. */
  interface Place<A> extends Task5<KernelContext, A, FloatArray, Integer, Integer> {}
}
