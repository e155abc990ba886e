// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

/**
 * Inputs that a kernel has made ready: copied to the device and brought into the kernel's own
 * memory layout where the kernel needs that. They can then be run with one layout after another, as
 * a video's keyframes rotate from one denoising step to the next, and only the layout is new each
 * time.
 *
 * <p>The caller leaves query, key and value as they are, and their memory open, until {@link
 * #close}: a kernel may copy them once or read them at every run. To run on changed inputs, prepare
 * them again. Used by one thread at a time.
 */
public interface PreparedAttention extends AutoCloseable {

  /** What {@link AttentionKernel#prepare} took. It does not change. */
  Preparation preparation();

  /**
   * Computes the attention of the inputs under a layout, and returns when the output is written.
   *
   * @return what this run took; the preparation is not counted again
   * @throws IllegalArgumentException if the layout or the output does not fit the inputs
   * @throws IllegalStateException after {@link #close}
   * @throws KernelFailedException if the kernel fails
   */
  KernelRun run(BlockSparseLayout layout, AttentionOutput output);

  /** Gives back what the preparation took. Closing twice is allowed. */
  @Override
  void close();

  /** The work of a kernel that reads the inputs where they lie. */
  @FunctionalInterface
  interface DirectRun {
    /** Computes the problem; the output has been checked against it. */
    KernelRun run(AttentionProblem problem, AttentionOutput output);
  }

  /** Prepared inputs of a kernel that needs no preparation: every run reads them where they lie. */
  static PreparedAttention direct(AttentionInputs inputs, DirectRun work) {
    return new DirectAttention(inputs, work);
  }
}
