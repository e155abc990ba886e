// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Arrays;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.common.Access;
import uk.ac.manchester.tornado.api.common.LibraryTaskDescriptor;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task4;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;
import uk.ac.manchester.tornado.cublas.CuBlas;
import uk.ac.manchester.tornado.cublas.enums.CuBlasOperation;

/**
 * Weights and activations in bf16: products by cuBLAS, whose task has no bias and no GELU. The bias
 * is written to the result first, and the product is added to it before it is rounded; bias and
 * GELU together are a pass behind the product.
 *
 * <p>Kernels on these arrays are written for arrays of shorts, since TornadoVM writes the bits of a
 * short there alone. Both kinds of array have the same memory, and of the arguments a kernel gets
 * nothing else: the types of its parameters are named as the caller's, see {@link #onBits}.
 */
record Bf16Activations() implements SixteenBits {
  /** A kernel on a bias and on what a product gives. */
  private interface BiasKernel<A> extends Task4<KernelContext, A, A, Integer> {}

  private static final TransformerKernels<HalfFloatArray> KERNELS =
      onBits(
          new TransformerKernels<ShortArray>(
              Bf16TransformerKernels::copy,
              Bf16TransformerKernels::keep,
              Bf16TransformerKernels::touch,
              Bf16TransformerKernels::narrow,
              Bf16TransformerKernels::modulate,
              Bf16TransformerKernels::addModulate,
              Bf16TransformerKernels::addGatedNorm,
              Bf16TransformerKernels::addGated,
              Bf16JointKernels::condition,
              Bf16JointKernels::append,
              Bf16JointKernels::takeRows,
              Bf16TransformerKernels::sum,
              Bf16TransformerKernels::turnHeads,
              Bf16JointKernels::normHeads));

  private static final SharedBlockKernels<HalfFloatArray> SHARED_BLOCK =
      onBits(
          new SharedBlockKernels<ShortArray>(
              Bf16SharedBlockKernels::modulate,
              Bf16SharedBlockKernels::addModulate,
              Bf16SharedBlockKernels::addGated,
              Bf16SharedBlockKernels::normHeads,
              Bf16SharedBlockKernels::place));

  private static final BiasKernel<HalfFloatArray> SPREAD =
      onBits((BiasKernel<ShortArray>) BiasKernels::spread);

  private static final BiasKernel<HalfFloatArray> ADD_GELU =
      onBits((BiasKernel<ShortArray>) BiasKernels::addGelu);

  /** The same kernels, for callers that have the arrays of shorts as arrays of 16-bit numbers. */
  @SuppressWarnings("unchecked")
  private static <K> K onBits(Object kernels) {
    return (K) kernels;
  }

  @Override
  public DType dtype() {
    return DType.BF16;
  }

  @Override
  public String products() {
    return "cublas-bf16";
  }

  @Override
  public TransformerKernels<HalfFloatArray> kernels() {
    return KERNELS;
  }

  @Override
  public SharedBlockKernels<HalfFloatArray> sharedBlock() {
    return SHARED_BLOCK;
  }

  @Override
  public void linear(
      GraphTasks tasks,
      String name,
      HalfFloatArray x,
      Linear<HalfFloatArray> layer,
      HalfFloatArray y,
      int tokens,
      boolean gelu) {
    if (!gelu) {
      add(tasks, name + "Bias", SPREAD, layer, y, tokens);
    }
    tasks
        .graph()
        .libraryTask(
            TaskTimes.product(name), Bf16Activations::product, x, layer, y, tokens, gelu ? 0f : 1f);
    if (gelu) {
      add(tasks, name + "Gelu", ADD_GELU, layer, y, tokens);
    }
  }

  private static void add(
      GraphTasks tasks,
      String name,
      BiasKernel<HalfFloatArray> kernel,
      Linear<HalfFloatArray> layer,
      HalfFloatArray y,
      int tokens) {
    tasks.perRow(name, tokens);
    tasks.graph().task(name, kernel, new KernelContext(), layer.bias(), y, layer.out());
  }

  /**
   * {@code y = x · Wᵀ + kept · y}, row-major, as a task of cuBLAS, which counts by columns.
   * TornadoVM's own description wants arrays of bf16; the library sees their memory alone.
   */
  private static LibraryTaskDescriptor product(
      HalfFloatArray x,
      Linear<HalfFloatArray> layer,
      HalfFloatArray y,
      Integer tokens,
      Float kept) {
    Object[] arguments = {
      CuBlasOperation.CUBLAS_OP_T.operation(),
      CuBlasOperation.CUBLAS_OP_N.operation(),
      layer.out(),
      tokens,
      layer.in(),
      1f,
      layer.weight(),
      layer.in(),
      x,
      layer.in(),
      kept,
      y,
      layer.out()
    };
    Access[] access = new Access[arguments.length];
    Arrays.fill(access, Access.READ_ONLY);
    access[11] = kept == 0 ? Access.WRITE_ONLY : Access.READ_WRITE;
    return new LibraryTaskDescriptor()
        .withLibrary(CuBlas.LIBRARY_NAME)
        .withFunction("cublasGemmExBF16")
        .withParameters(arguments)
        .withAccess(access);
  }
}
