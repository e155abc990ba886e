// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.lvsa.kernels.transformer.TransformerShape;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The buffers of a block's weights on the device, into which the weights of each block come in
 * turn. They are in the order of {@link BlockTensors}.
 */
record BlockBuffers<A extends TornadoNativeArray>(
    List<Activations.Linear<A>> linears, List<FloatArray> norms, int beforeAttention) {
  static <A extends TornadoNativeArray> BlockBuffers<A> allocate(
      TransformerShape shape, Activations<A> activations) {
    BlockTensors tensors = BlockTensors.of(shape);
    return new BlockBuffers<>(
        tensors.layers().stream()
            .map(
                layer ->
                    new Activations.Linear<>(
                        activations.array((long) layer.in() * layer.out()),
                        activations.array(layer.out()),
                        layer.in(),
                        layer.out()))
            .toList(),
        tensors.vectors().stream().map(vector -> new FloatArray(vector.size())).toList(),
        tensors.beforeAttention());
  }

  Activations.Linear<A> linear(int layer) {
    return linears.get(layer);
  }

  /** Weight and bias of each layer. */
  List<A> linearArrays() {
    List<A> arrays = new ArrayList<>();
    for (Activations.Linear<A> one : linears) {
      arrays.add(one.weight());
      arrays.add(one.bias());
    }
    return arrays;
  }

  /** All arrays. */
  Object[] arrays() {
    return Stream.concat(linearArrays().stream(), norms.stream()).toArray();
  }

  /** These buffers as the weights of a transformer of one block. */
  BlockWeights<A> asWeights() {
    return new BlockWeights<>(
        linearArrays().stream().map(BlockBuffers::one).toList(),
        norms.stream().map(BlockBuffers::one).toList());
  }

  private static <T extends TornadoNativeArray> BlockWeights.Tensor<T> one(T array) {
    return new BlockWeights.Tensor<>(
        List.of(new WeightPart<>(array, 0, 1, array.getSize())), array.getSize());
  }

  /**
   * Adds tasks that bring those weights of one block into the buffers that are needed before
   * self-attention.
   *
   * @param all the weights of all blocks, which the device is sent when it first runs the graph
   * @param block one number: which block's
   */
  void bringFirst(
      BlockWeights<A> all, IntArray block, Activations<A> activations, GraphTasks tasks) {
    for (int i = 0; i < all.tensors().size(); i++) {
      int bytes = i < all.linear().size() ? activations.bytes() : Float.BYTES;
      for (WeightPart<?> part : all.tensors().get(i).parts()) {
        if (!WeightCopies.isSmall(part, bytes)) {
          tasks.graph().transferToDevice(DataTransferMode.FIRST_EXECUTION, part.array());
        }
      }
    }
    copy(all, block, activations, tasks, new WeightCopies(true), 0, beforeAttention);
  }

  /**
   * As {@link #bringFirst}, of all other weights. Behind self-attention the host has handed over
   * these many small tasks long before the device comes to them.
   */
  void bringRest(
      BlockWeights<A> all, IntArray block, Activations<A> activations, GraphTasks tasks) {
    copy(all, block, activations, tasks, new WeightCopies(true), beforeAttention, linears.size());
  }

  /** Brings all weights, which are on the device already. */
  void copy(BlockWeights<A> all, IntArray block, Activations<A> activations, GraphTasks tasks) {
    copy(all, block, activations, tasks, new WeightCopies(false), 0, linears.size());
  }

  /** Copies some of the linear layers and norms, of which there are fewer. */
  private void copy(
      BlockWeights<A> all,
      IntArray block,
      Activations<A> activations,
      GraphTasks tasks,
      WeightCopies copies,
      int first,
      int end) {
    List<A> to = linearArrays();
    for (int i = 2 * first; i < 2 * end; i++) {
      for (WeightPart<A> part : all.linear().get(i).parts()) {
        String name = "weight" + i + "at" + part.first();
        if (WeightCopies.takes((long) part.size() * activations.bytes())) {
          copies.add(name, part, to.get(i), activations.bytes());
        } else {
          activations.copy(tasks, name, part, to.get(i), block);
        }
      }
    }
    for (int i = first; i < Math.min(end, norms.size()); i++) {
      for (WeightPart<FloatArray> part : all.norms().get(i).parts()) {
        copies.add("norm" + i + "at" + part.first(), part, norms.get(i), Float.BYTES);
      }
    }
    copies.addTo(tasks, block);
  }
}
