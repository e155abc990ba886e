// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerWeights;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The weights of all blocks as the host holds them, tensor by tensor: the device is uploaded from
 * these arrays once per plan.
 *
 * @param linear weights and biases of the linear layers, in the order of {@link
 *     BlockTensors#layers}
 * @param norms the float32 tensors, in the order of {@link BlockTensors#vectors}
 */
record BlockWeights<A extends TornadoNativeArray>(
    List<Tensor<A>> linear, List<Tensor<FloatArray>> norms) {
  /** The largest number of elements of an array, which TornadoVM counts as int. */
  static final long MOST = Integer.MAX_VALUE - 64L;

  /** One tensor of all blocks. */
  record Tensor<A extends TornadoNativeArray>(List<WeightPart<A>> parts, int size) {
    /** The memory of one block's tensor, which has that many bytes. */
    MemorySegment of(int block, long bytes) {
      WeightPart<A> part =
          parts.stream()
              .filter(one -> block >= one.first() && block < one.first() + one.blocks())
              .findFirst()
              .orElseThrow();
      return part.array().getSegment().asSlice((block - part.first()) * bytes, bytes);
    }
  }

  /** Reads the weights of all blocks. */
  static <A extends TornadoNativeArray> BlockWeights<A> read(
      TransformerShape shape, TransformerWeights weights, Activations<A> activations) {
    BlockTensors tensors = BlockTensors.of(shape);
    Source source = new Source(weights, tensors.list(), shape.layers());
    List<Tensor<A>> linear = new ArrayList<>();
    for (BlockTensors.Layer layer : tensors.layers()) {
      long size = (long) layer.in() * layer.out();
      linear.add(source.tensor(layer.name() + ".weight", size, activations));
      linear.add(source.tensor(layer.name() + ".bias", layer.out(), activations));
    }
    List<Tensor<FloatArray>> norms = new ArrayList<>();
    for (BlockTensors.Vector vector : tensors.vectors()) {
      norms.add(source.tensor(vector.name(), vector.size(), new FloatActivations()));
    }
    return new BlockWeights<>(linear, norms);
  }

  /**
   * Where blocks are read from.
   *
   * @param list the name of the list of blocks
   * @param layers number of blocks
   */
  private record Source(TransformerWeights weights, String list, int layers) {
    <A extends TornadoNativeArray> Tensor<A> tensor(
        String name, long size, Activations<A> activations) {
      int perPart = Math.toIntExact(Math.min(layers, MOST / size));
      List<WeightPart<A>> parts = new ArrayList<>();
      try (Arena arena = Arena.ofShared()) {
        MemorySegment floats = arena.allocate(size * Float.BYTES, 64);
        for (int first = 0; first < layers; first += perPart) {
          int blocks = Math.min(perPart, layers - first);
          A array = activations.array(blocks * size);
          for (int block = 0; block < blocks; block++) {
            weights.read(list + "." + (first + block) + "." + name, floats);
            activations.write(floats, array, block * size);
          }
          parts.add(new WeightPart<>(array, first, blocks, Math.toIntExact(size)));
        }
      }
      return new Tensor<>(parts, Math.toIntExact(size));
    }
  }

  /** All tensors, in one order. */
  List<Tensor<? extends TornadoNativeArray>> tensors() {
    return Stream.<Tensor<? extends TornadoNativeArray>>concat(linear.stream(), norms.stream())
        .toList();
  }

  /** Copies the weights of one block into arrays of the host, with all processors. */
  void copy(int block, BlockBuffers<A> to) {
    List<Piece> pieces = new ArrayList<>();
    Object[] arrays = to.arrays();
    for (int i = 0; i < arrays.length; i++) {
      MemorySegment target = ((TornadoNativeArray) arrays[i]).getSegment();
      MemorySegment source = tensors().get(i).of(block, target.byteSize());
      for (long at = 0; at < target.byteSize(); at += PIECE) {
        pieces.add(new Piece(source, target, at));
      }
    }
    pieces.parallelStream().forEach(Piece::copy);
  }

  /** Bytes that are copied at once. */
  private static final long PIECE = 4 << 20;

  private record Piece(MemorySegment from, MemorySegment to, long at) {
    void copy() {
      MemorySegment.copy(from, at, to, at, Math.min(PIECE, to.byteSize() - at));
    }
  }
}
