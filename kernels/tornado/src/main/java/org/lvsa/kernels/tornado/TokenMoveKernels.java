// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * Device kernels that move the vectors of tensors {@code [batch, tokens, heads, vector]} from token
 * to token. A thread moves one element. {@code order} has the old index of the token at each new
 * position: one list for all heads ({@code perHead} 0), or one per head that is written ({@code
 * perHead} 1). Where more heads are written than read, each is written several times, one after
 * another.
 */
final class TokenMoveKernels {
  private TokenMoveKernels() {}

  /** Where element {@code i} of the tensor in order stands in the other one. */
  private static int source(
      IntArray order, int i, int tokens, int fromHeads, int toHeads, int vector, int perHead) {
    int row = i / (toHeads * vector);
    int head = i / vector % toHeads;
    int token = row % tokens;
    int other = row - token + order.get(perHead * head * tokens + token);
    return (other * fromHeads + head / (toHeads / fromHeads)) * vector + i % vector;
  }

  /** Brings float32 vectors into an order. {@code size} is the number of elements written. */
  static void gatherFloats(
      KernelContext context,
      FloatArray from,
      FloatArray to,
      IntArray order,
      int tokens,
      int fromHeads,
      int toHeads,
      int vector,
      int perHead,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      to.set(i, from.get(source(order, i, tokens, fromHeads, toHeads, vector, perHead)));
    }
  }

  /** As {@link #gatherFloats}, for 16-bit numbers of any kind. */
  static void gatherShorts(
      KernelContext context,
      ShortArray from,
      ShortArray to,
      IntArray order,
      int tokens,
      int fromHeads,
      int toHeads,
      int vector,
      int perHead,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      to.set(i, from.get(source(order, i, tokens, fromHeads, toHeads, vector, perHead)));
    }
  }

  /** As {@link #gatherFloats}, for the arrays of the tensor-core kernels. */
  static void gatherHalves(
      KernelContext context,
      HalfFloatArray from,
      HalfFloatArray to,
      IntArray order,
      int tokens,
      int fromHeads,
      int toHeads,
      int vector,
      int perHead,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      to.set(i, from.get(source(order, i, tokens, fromHeads, toHeads, vector, perHead)));
    }
  }

  /** Undoes {@link #gatherFloats} of as many heads as were read. */
  static void scatterFloats(
      KernelContext context,
      FloatArray from,
      FloatArray to,
      IntArray order,
      int tokens,
      int heads,
      int vector,
      int perHead,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      to.set(source(order, i, tokens, heads, heads, vector, perHead), from.get(i));
    }
  }
}
