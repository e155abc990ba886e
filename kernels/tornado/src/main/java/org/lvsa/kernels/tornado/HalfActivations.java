// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.LongStream;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.cublas.CuBlasLt;
import uk.ac.manchester.tornado.cublas.enums.CuBlasOperation;

/**
 * Weights and activations in fp16: linear layers by cuBLASLt with bias and GELU in the product's
 * epilogue, attention by the tensor-core kernels. CUDA backend, compute capability 8.0, headDim
 * 128.
 */
record HalfActivations() implements Activations<HalfFloatArray> {
  private static final int CHUNK = 1 << 16;

  @Override
  public HalfFloatArray array(long elements) {
    return new HalfFloatArray(Math.toIntExact(elements));
  }

  @Override
  public void write(MemorySegment floats, HalfFloatArray to, long first) {
    long count = floats.byteSize() / Float.BYTES;
    MemorySegment bits = to.getSegment();
    LongStream.range(0, Math.ceilDiv(count, CHUNK))
        .parallel()
        .forEach(
            chunk -> {
              long end = Math.min(count, (chunk + 1) * CHUNK);
              for (long i = chunk * CHUNK; i < end; i++) {
                float value = floats.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                bits.set(
                    ValueLayout.JAVA_SHORT, (first + i) * Short.BYTES, Float.floatToFloat16(value));
              }
            });
  }

  @Override
  public int bytes() {
    return Short.BYTES;
  }

  @Override
  public String products() {
    return "cublaslt-f16";
  }

  @Override
  public void copy(
      GraphTasks tasks,
      String name,
      WeightPart<HalfFloatArray> from,
      HalfFloatArray to,
      IntArray block) {
    int threads = FloatActivations.copyThreads(from.size());
    tasks.perThread(name, threads);
    tasks
        .graph()
        .task(
            name,
            HalfTransformerKernels::copy,
            new KernelContext(),
            from.array(),
            to,
            block,
            from.first(),
            from.blocks(),
            from.size(),
            threads);
  }

  @Override
  public void touch(GraphTasks tasks, String name, HalfFloatArray array) {
    tasks.perThread(name, 1);
    tasks
        .graph()
        .task(name, HalfTransformerKernels::touch, new KernelContext(), array, new FloatArray(1));
  }

  /** Row-major {@code x · Wᵀ} is what cuBLASLt, which counts by columns, calls {@code Wᵀ · x}. */
  @Override
  public void linear(
      GraphTasks tasks,
      String name,
      HalfFloatArray x,
      Linear<HalfFloatArray> layer,
      HalfFloatArray y,
      int tokens,
      boolean gelu) {
    int transposed = CuBlasOperation.CUBLAS_OP_T.operation();
    int asItIs = CuBlasOperation.CUBLAS_OP_N.operation();
    if (gelu) {
      tasks
          .graph()
          .libraryTask(
              TaskTimes.product(name),
              CuBlasLt::ltMatmulGeluBiasFP16,
              transposed,
              asItIs,
              layer.out(),
              tokens,
              layer.in(),
              1f,
              layer.weight(),
              layer.in(),
              x,
              layer.in(),
              0f,
              y,
              layer.out(),
              layer.bias());
    } else {
      tasks
          .graph()
          .libraryTask(
              TaskTimes.product(name),
              CuBlasLt::ltMatmulBiasFP16,
              transposed,
              asItIs,
              layer.out(),
              tokens,
              layer.in(),
              1f,
              layer.weight(),
              layer.in(),
              x,
              layer.in(),
              0f,
              y,
              layer.out(),
              layer.bias());
    }
  }

  @Override
  public void modulate(
      GraphTasks tasks,
      String name,
      Tokens x,
      Modulations modulations,
      int row,
      HalfFloatArray out) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            HalfTransformerKernels::modulate,
            new KernelContext(),
            x.x(),
            modulations.table(),
            modulations.time(),
            out,
            row,
            x.width(),
            6 * x.width(),
            modulations.tokensPerTime(),
            x.width(),
            x.eps());
  }

  @Override
  public void addModulate(
      GraphTasks tasks,
      String name,
      Tokens x,
      HalfFloatArray y,
      Modulations modulations,
      int row,
      HalfFloatArray out) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            HalfTransformerKernels::addModulate,
            new KernelContext(),
            x.x(),
            y,
            modulations.table(),
            modulations.time(),
            out,
            row,
            modulations.tokensPerTime(),
            x.width(),
            x.eps());
  }

  @Override
  public void addGatedNorm(
      GraphTasks tasks,
      String name,
      Tokens x,
      HalfFloatArray y,
      Modulations modulations,
      int row,
      Norm norm,
      HalfFloatArray out) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            HalfTransformerKernels::addGatedNorm,
            new KernelContext(),
            x.x(),
            y,
            modulations.table(),
            modulations.time(),
            norm.weight(),
            norm.bias(),
            out,
            row,
            modulations.tokensPerTime(),
            x.width(),
            x.eps());
  }

  @Override
  public void addGated(
      GraphTasks tasks, String name, Tokens x, HalfFloatArray y, Modulations modulations, int row) {
    tasks.perRow(name, x.count());
    tasks
        .graph()
        .task(
            name,
            HalfTransformerKernels::addGated,
            new KernelContext(),
            x.x(),
            y,
            modulations.table(),
            modulations.time(),
            row,
            modulations.tokensPerTime(),
            x.width());
  }

  @Override
  public void sum(GraphTasks tasks, String name, HalfFloatArray x, HalfFloatArray y) {
    tasks.perThread(name, x.getSize());
    tasks.graph().task(name, HalfTransformerKernels::sum, new KernelContext(), x, y, x.getSize());
  }

  @Override
  public void narrow(GraphTasks tasks, String name, Tokens x, HalfFloatArray out) {
    int size = Math.multiplyExact(x.count(), x.width());
    tasks.perThread(name, size);
    tasks.graph().task(name, HalfTransformerKernels::narrow, new KernelContext(), x.x(), out, size);
  }

  @Override
  public void rotate(
      GraphTasks tasks,
      String name,
      HalfFloatArray x,
      int tokens,
      FloatArray weight,
      Rotary rotary) {
    tasks.perRow(name, tokens);
    tasks
        .graph()
        .task(
            name,
            HalfTransformerKernels::turnHeads,
            new KernelContext(),
            x,
            weight,
            rotary.turns(),
            rotary.width(),
            rotary.headDim(),
            rotary.eps(),
            rotary.turning() ? 1 : 0,
            rotary.frames(),
            rotary.rows(),
            rotary.columns(),
            rotary.framePairs(),
            rotary.rowPairs());
  }

  @Override
  public DeviceAttention<HalfFloatArray> attention(DeviceAttention.Sizes sizes) {
    return new RegisterAttention(this, sizes);
  }
}
