// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Everything in float32, by kernels that any device of TornadoVM runs. */
record FloatActivations() implements DecoderActivations<FloatArray> {
  @Override
  public FloatArray array(long elements) {
    return new FloatArray(Math.toIntExact(elements));
  }

  @Override
  public void write(MemorySegment floats, FloatArray to, long first) {
    MemorySegment.copy(floats, 0, to.getSegment(), first * Float.BYTES, floats.byteSize());
  }

  @Override
  public int bytes() {
    return Float.BYTES;
  }

  @Override
  public String products() {
    return "java-tiled-f32";
  }

  @Override
  public TransformerKernels<FloatArray> kernels() {
    return new TransformerKernels<>(
        FloatTransformerKernels::copy,
        FloatTransformerKernels::keep,
        FloatTransformerKernels::touch,
        FloatTransformerKernels::narrow,
        FloatTransformerKernels::modulate,
        FloatTransformerKernels::addModulate,
        FloatTransformerKernels::addGatedNorm,
        FloatTransformerKernels::addGated,
        FloatJointKernels::condition,
        FloatJointKernels::append,
        FloatJointKernels::takeRows,
        FloatTransformerKernels::sum,
        FloatTransformerKernels::turnHeads,
        FloatJointKernels::normHeads);
  }

  /** As {@link #touch(GraphTasks, String, FloatArray)}. */
  static void touch(GraphTasks tasks, String name, IntArray array) {
    tasks.perThread(name, 1);
    tasks
        .graph()
        .task(
            name,
            FloatTransformerKernels::touchInts,
            new KernelContext(),
            array,
            new FloatArray(1));
  }

  @Override
  public void linear(
      GraphTasks tasks,
      String name,
      FloatArray x,
      Linear<FloatArray> layer,
      FloatArray y,
      int tokens,
      boolean gelu) {
    String task = TaskTimes.product(name);
    tasks.groups(
        task,
        Math.ceilDiv(tokens, FloatTransformerKernels.TILE),
        Math.ceilDiv(layer.out(), FloatTransformerKernels.TILE),
        FloatTransformerKernels.THREADS);
    tasks
        .graph()
        .task(
            task,
            FloatTransformerKernels::linear,
            new KernelContext(),
            x,
            layer.weight(),
            layer.bias(),
            y,
            tokens,
            layer.in(),
            layer.out(),
            gelu ? 1 : 0);
  }

  @Override
  public SharedBlockKernels<FloatArray> sharedBlock() {
    return new SharedBlockKernels<>(
        FloatSharedBlockKernels::modulate,
        FloatSharedBlockKernels::addModulate,
        FloatSharedBlockKernels::addGated,
        FloatSharedBlockKernels::normHeads,
        FloatSharedBlockKernels::place);
  }

  @Override
  public DecoderKernels<FloatArray> decoder() {
    return new DecoderKernels<>(
        FloatDecoderKernels::normPixels,
        FloatDecoderKernels::groupNorm,
        FloatDecoderKernels::columns,
        FloatDecoderKernels::spread,
        FloatDecoderKernels::keep,
        FloatDecoderKernels::append,
        FloatDecoderKernels::softmax,
        1,
        Optional.empty());
  }

  /** The kernels that bring tokens heads first and back. */
  VectorMoves<FloatArray> moves() {
    return new VectorMoves<>(FloatVectorMoves::gather, FloatVectorMoves::scatter, 1);
  }

  @Override
  public DeviceAttention<FloatArray> attention(DeviceAttention.Sizes sizes) {
    return new PortableAttention(sizes);
  }
}
