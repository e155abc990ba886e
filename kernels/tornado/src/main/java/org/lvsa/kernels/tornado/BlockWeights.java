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
 *     #linear(TransformerShape)}
 * @param norms the float32 tensors, in the order of {@link #norms(TransformerShape)}
 */
record BlockWeights<A extends TornadoNativeArray>(
    List<Tensor<A>> linear, List<Tensor<FloatArray>> norms) {
  private static final List<String> LINEAR =
      List.of(
          "attn1.to_q",
          "attn1.to_k",
          "attn1.to_v",
          "attn1.to_out.0",
          "attn2.to_q",
          "attn2.to_k",
          "attn2.to_v",
          "attn2.to_out.0",
          "ffn.net.0.proj",
          "ffn.net.2");

  private static final List<String> PICTURES = List.of("attn2.add_k_proj", "attn2.add_v_proj");

  /** The linear layers of a block, as diffusers names them; those for pictures come last. */
  static List<String> linear(TransformerShape shape) {
    return shape.pictures() ? Stream.concat(LINEAR.stream(), PICTURES.stream()).toList() : LINEAR;
  }

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

  /** Inputs of a linear layer. */
  static int in(TransformerShape shape, int layer) {
    return layer == 9 ? shape.feedForward() : shape.width();
  }

  /** Outputs of a linear layer. */
  static int out(TransformerShape shape, int layer) {
    return layer == 8 ? shape.feedForward() : shape.width();
  }

  /** Names of the float32 tensors: the modulations, four norms, and more where there are. */
  static List<String> norms(TransformerShape shape) {
    List<String> names =
        new ArrayList<>(
            List.of(
                "scale_shift_table",
                "attn1.norm_q.weight",
                "attn1.norm_k.weight",
                "attn2.norm_q.weight",
                "attn2.norm_k.weight"));
    if (shape.crossNorm()) {
      names.addAll(List.of("norm2.weight", "norm2.bias"));
    }
    if (shape.pictures()) {
      names.add("attn2.norm_added_k.weight");
    }
    return names;
  }

  private static int normSize(TransformerShape shape, String name) {
    return name.equals("scale_shift_table") ? 6 * shape.width() : shape.width();
  }

  /** Reads the weights of all blocks. */
  static <A extends TornadoNativeArray> BlockWeights<A> read(
      TransformerShape shape, TransformerWeights weights, Activations<A> activations) {
    List<Tensor<A>> linear = new ArrayList<>();
    List<String> names = linear(shape);
    for (int layer = 0; layer < names.size(); layer++) {
      String name = names.get(layer);
      long size = (long) in(shape, layer) * out(shape, layer);
      linear.add(tensor(shape, weights, name + ".weight", size, activations));
      linear.add(tensor(shape, weights, name + ".bias", out(shape, layer), activations));
    }
    List<Tensor<FloatArray>> norms = new ArrayList<>();
    for (String name : norms(shape)) {
      norms.add(tensor(shape, weights, name, normSize(shape, name), new FloatActivations()));
    }
    return new BlockWeights<>(linear, norms);
  }

  private static <A extends TornadoNativeArray> Tensor<A> tensor(
      TransformerShape shape,
      TransformerWeights weights,
      String name,
      long size,
      Activations<A> activations) {
    int perPart = Math.toIntExact(Math.min(shape.layers(), MOST / size));
    List<WeightPart<A>> parts = new ArrayList<>();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment floats = arena.allocate(size * Float.BYTES, 64);
      for (int first = 0; first < shape.layers(); first += perPart) {
        int blocks = Math.min(perPart, shape.layers() - first);
        A array = activations.array(blocks * size);
        for (int block = 0; block < blocks; block++) {
          weights.read("blocks." + (first + block) + "." + name, floats);
          activations.write(floats, array, block * size);
        }
        parts.add(new WeightPart<>(array, first, blocks, Math.toIntExact(size)));
      }
    }
    return new Tensor<>(parts, Math.toIntExact(size));
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

  /** Bytes of the weights of all blocks. */
  static long bytes(TransformerShape shape, Activations<?> activations) {
    long elements = 0;
    for (int layer = 0; layer < linear(shape).size(); layer++) {
      elements += (in(shape, layer) + 1L) * out(shape, layer);
    }
    long floats = 0;
    for (String name : norms(shape)) {
      floats += normSize(shape, name);
    }
    return shape.layers() * (elements * activations.bytes() + floats * Float.BYTES);
  }
}
