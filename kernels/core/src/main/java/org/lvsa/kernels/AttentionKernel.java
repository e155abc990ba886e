// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.Optional;

/**
 * Computes dense and block-sparse attention. Dense is a full layout through the same code, so that
 * dense against sparse compares patterns and not implementations.
 */
public interface AttentionKernel extends AutoCloseable {

  /** Which kernel runs, for a result row: {@code vector-f32x16-8x2}. */
  String name();

  /**
   * As {@link #name()}, where the kernel is chosen by the problem. After a run of such a problem it
   * also names the path that the run took, if there are several.
   */
  default String name(AttentionShape shape, DType dtype) {
    return name();
  }

  /** Where it runs, for a result row. */
  String device();

  /** Why this problem cannot run here; empty if it can. Called before any memory is taken. */
  Optional<String> unsupported(AttentionShape shape, DType dtype);

  /**
   * Runs the problem to its end.
   *
   * @throws IllegalArgumentException if the output does not fit the problem
   */
  KernelRun run(AttentionProblem problem, AttentionOutput output);

  /**
   * As {@link #run}, where the caller knows that query, key and value are what the last run had and
   * only the layout is another: a denoising step's rotation, seen by one layer. A kernel with
   * memory of its own then copies the layout and nothing else; without a run before, it is a run.
   */
  default KernelRun runStep(AttentionProblem problem, AttentionOutput output) {
    return run(problem, output);
  }

  /** Gives back what {@link #run} kept for the next call. */
  @Override
  default void close() {}
}
