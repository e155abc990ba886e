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

  /** Gives back what {@link #run} kept for the next call. */
  @Override
  default void close() {}
}
