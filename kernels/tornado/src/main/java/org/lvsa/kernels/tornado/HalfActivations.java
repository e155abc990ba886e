// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.LongStream;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.cublas.CuBlasLt;
import uk.ac.manchester.tornado.cublas.enums.CuBlasOperation;

/**
 * Weights and activations in fp16: linear layers by cuBLASLt with bias and GELU in the product's
 * epilogue, attention by the tensor-core kernels. CUDA backend, compute capability 8.0, headDim 64
 * or 128.
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
  public TransformerKernels<HalfFloatArray> kernels() {
    return new TransformerKernels<>(
        HalfTransformerKernels::copy,
        HalfTransformerKernels::touch,
        HalfTransformerKernels::narrow,
        HalfTransformerKernels::modulate,
        HalfTransformerKernels::addModulate,
        HalfTransformerKernels::addGatedNorm,
        HalfTransformerKernels::addGated,
        HalfJointKernels::condition,
        HalfJointKernels::append,
        HalfJointKernels::takeRows,
        HalfTransformerKernels::sum,
        HalfTransformerKernels::turnHeads,
        HalfJointKernels::normHeads);
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
  public SharedBlockKernels<HalfFloatArray> sharedBlock() {
    return new SharedBlockKernels<>(
        HalfSharedBlockKernels::modulate,
        HalfSharedBlockKernels::addModulate,
        HalfSharedBlockKernels::addGated,
        HalfSharedBlockKernels::normHeads,
        HalfSharedBlockKernels::place);
  }

  @Override
  public DecoderKernels<HalfFloatArray> decoder() {
    return new DecoderKernels<>(
        HalfDecoderKernels::norm,
        HalfDecoderKernels::columns,
        HalfDecoderKernels::spread,
        HalfDecoderKernels::keep,
        HalfDecoderKernels::softmax,
        2);
  }

  @Override
  public VectorMoves<HalfFloatArray> moves() {
    return new VectorMoves<>(HalfVectorMoves::gather, HalfVectorMoves::scatter, 2);
  }

  @Override
  public DeviceAttention<HalfFloatArray> attention(DeviceAttention.Sizes sizes) {
    return new RegisterAttention(this, sizes);
  }
}
