// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.AttentionShape;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Tasks that run {@link TokenMoveKernels} on tensors {@code [batch, tokens, heads, vector]}.
 *
 * @param order one order for all heads, or one per head that is written, one behind the other
 * @param fromHeads heads of the tensor that is read
 * @param toHeads heads of the tensor that is written, a multiple
 * @param vector elements of one head's vector
 */
record TokenMoves(AttentionShape shape, IntArray order, int fromHeads, int toHeads, int vector) {

  /** Adds a task that brings tokens into the order. */
  void gather(GraphTasks tasks, String name, TornadoNativeArray from, TornadoNativeArray to) {
    TaskGraph graph = tasks.graph();
    KernelContext context = new KernelContext();
    int tokens = shape.tokens();
    switch (from) {
      case FloatArray floats ->
          graph.task(
              name,
              TokenMoveKernels::gatherFloats,
              context,
              floats,
              (FloatArray) to,
              order,
              tokens,
              fromHeads,
              toHeads,
              vector,
              perHead(),
              size());
      case ShortArray shorts ->
          graph.task(
              name,
              TokenMoveKernels::gatherShorts,
              context,
              shorts,
              (ShortArray) to,
              order,
              tokens,
              fromHeads,
              toHeads,
              vector,
              perHead(),
              size());
      case HalfFloatArray halves ->
          graph.task(
              name,
              TokenMoveKernels::gatherHalves,
              context,
              halves,
              (HalfFloatArray) to,
              order,
              tokens,
              fromHeads,
              toHeads,
              vector,
              perHead(),
              size());
      default -> throw new IllegalArgumentException("no moves of " + from.getClass());
    }
    tasks.perThread(name, size());
  }

  /** Adds a task that brings tokens back from the order; reads as many heads as it writes. */
  void scatter(GraphTasks tasks, String name, FloatArray from, FloatArray to) {
    tasks
        .graph()
        .task(
            name,
            TokenMoveKernels::scatterFloats,
            new KernelContext(),
            from,
            to,
            order,
            shape.tokens(),
            toHeads,
            vector,
            perHead(),
            size());
    tasks.perThread(name, size());
  }

  /** 0 for one order for all heads, 1 for one per head. */
  private int perHead() {
    return order.getSize() == shape.tokens() ? 0 : 1;
  }

  /** Number of elements that are written. */
  private int size() {
    return Math.toIntExact((long) shape.batch() * shape.tokens() * toHeads * vector);
  }
}
