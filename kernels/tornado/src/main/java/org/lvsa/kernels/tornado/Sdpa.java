// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** A dense attention that somebody else wrote, as a task of a graph. */
interface Sdpa {
  /**
   * The sizes of a call.
   *
   * @param batch independent problems
   * @param queries query tokens of each
   * @param keys key tokens of each
   */
  record Sizes(int batch, int heads, int queries, int keys, int headDim) {
    /** The softmax scale. */
    float scale() {
      return (float) (1 / Math.sqrt(headDim));
    }
  }

  /**
   * The tensors of a call: fp16, packed. A library sees their memory alone, so that it may lie in
   * an array of words, four numbers each, and an array may be longer than its tensor.
   *
   * @param query {@code [batch, heads, queries, headDim]}; so is the output
   * @param key {@code [batch, heads, keys, headDim]}; so is the value
   */
  record Tensors(
      TornadoNativeArray query,
      TornadoNativeArray key,
      TornadoNativeArray value,
      TornadoNativeArray out) {}

  /**
   * Adds the attention to a graph.
   *
   * @param name of the task
   */
  void add(GraphTasks tasks, String name, Tensors tensors, Sizes sizes);
}
