// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task10;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task12;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task13;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task15;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task3;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task4;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task5;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task6;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task7;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task8;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task9;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A transformer's kernels besides products and attention, for one type of activations; {@link
 * FloatTransformerKernels} says what each of them does.
 */
record TransformerKernels<A>(
    Copy<A> copy,
    Keep<A> keep,
    Touch<A> touch,
    Narrow<A> narrow,
    Modulate<A> modulate,
    AddModulate<A> addModulate,
    AddGatedNorm<A> addGatedNorm,
    AddGated<A> addGated,
    Condition<A> condition,
    Append<A> append,
    TakeRows<A> takeRows,
    Sum<A> sum,
    TurnHeads<A> turnHeads,
    NormHeads<A> normHeads) {
  /** {@link FloatTransformerKernels#copy}. */
  interface Copy<A>
      extends Task8<KernelContext, A, A, IntArray, Integer, Integer, Integer, Integer> {}

  /** {@link FloatTransformerKernels#keep}. */
  interface Keep<A>
      extends Task10<
          KernelContext, A, A, IntArray, IntArray, Integer, Integer, Integer, Integer, Integer> {}

  /** {@link FloatTransformerKernels#touch}. */
  interface Touch<A> extends Task3<KernelContext, A, FloatArray> {}

  /** {@link FloatTransformerKernels#narrow}. */
  interface Narrow<A> extends Task4<KernelContext, FloatArray, A, Integer> {}

  /** {@link FloatTransformerKernels#modulate}. */
  interface Modulate<A>
      extends Task9<
          KernelContext, FloatArray, FloatArray, A, Integer, Integer, Integer, Integer, Float> {}

  /** {@link FloatTransformerKernels#addModulate}. */
  interface AddModulate<A>
      extends Task10<
          KernelContext, FloatArray, A, FloatArray, A, Integer, Integer, Integer, Integer, Float> {}

  /** {@link FloatTransformerKernels#addGatedNorm}. */
  interface AddGatedNorm<A>
      extends Task12<
          KernelContext,
          FloatArray,
          A,
          FloatArray,
          FloatArray,
          FloatArray,
          A,
          Integer,
          Integer,
          Integer,
          Integer,
          Float> {}

  /** {@link FloatTransformerKernels#addGated}. */
  interface AddGated<A>
      extends Task8<KernelContext, FloatArray, A, FloatArray, Integer, Integer, Integer, Integer> {}

  /** {@link FloatJointKernels#condition}. */
  interface Condition<A> extends Task6<KernelContext, FloatArray, A, A, FloatArray, Integer> {}

  /** {@link FloatJointKernels#append}. */
  interface Append<A> extends Task5<KernelContext, A, A, Integer, Integer> {}

  /** {@link FloatJointKernels#takeRows}. */
  interface TakeRows<A> extends Task7<KernelContext, A, A, IntArray, Integer, Integer, Integer> {}

  /** {@link FloatTransformerKernels#sum}. */
  interface Sum<A> extends Task4<KernelContext, A, A, Integer> {}

  /** {@link FloatTransformerKernels#turnHeads}. */
  interface TurnHeads<A>
      extends Task13<
          KernelContext,
          A,
          FloatArray,
          FloatArray,
          Integer,
          Integer,
          Float,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer> {}

  /** {@link FloatJointKernels#normHeads}. */
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
          Float,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer,
          Integer> {}
}
