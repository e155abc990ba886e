// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Optional;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.cublas.CuBlasLt;
import uk.ac.manchester.tornado.cublas.enums.CuBlasOperation;

/**
 * Weights and activations in fp16: linear layers by cuBLASLt with bias and GELU in the product's
 * epilogue.
 */
record HalfActivations() implements SixteenBits, DecoderActivations<HalfFloatArray> {
  @Override
  public DType dtype() {
    return DType.F16;
  }

  @Override
  public String products() {
    return "cublaslt-f16";
  }

  @Override
  public TransformerKernels<HalfFloatArray> kernels() {
    return new TransformerKernels<>(
        HalfTransformerKernels::copy,
        HalfTransformerKernels::keep,
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
        HalfDecoderKernels::normPixels,
        HalfDecoderKernels::groupNorm,
        HalfDecoderKernels::columns,
        HalfDecoderKernels::spread,
        HalfDecoderKernels::keep,
        HalfDecoderKernels::append,
        HalfDecoderKernels::softmax,
        2,
        Optional.of(ImplicitKernels.HALVES));
  }

  /** The kernels that bring tokens heads first and back. */
  VectorMoves<HalfFloatArray> moves() {
    return new VectorMoves<>(HalfVectorMoves::gather, HalfVectorMoves::scatter, 2);
  }
}
