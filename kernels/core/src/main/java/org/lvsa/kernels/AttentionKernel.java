// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.Optional;

/**
 * An open backend, on one device: computes dense and block-sparse attention. A dense attention is a
 * full layout through the same code, so that dense against sparse compares patterns and not
 * implementations; a kernel that has another path for full layouts names it in {@link
 * KernelRun#kernel}.
 *
 * <p>{@link #prepare} may be called any number of times, and several {@link PreparedAttention}s may
 * be open at once; each holds memory of its own. A kernel and what it prepared are used by one
 * thread at a time; different kernels run side by side.
 */
public interface AttentionKernel extends AutoCloseable {

  /** The device that the kernel runs on, as a person would read it. */
  String device();

  /**
   * Why attention of this shape and type cannot run here; empty if it can. Allocates nothing. What
   * {@link #prepare} does with a problem that is refused here is not defined.
   */
  Optional<String> unsupported(AttentionShape shape, DType dtype);

  /**
   * Makes inputs ready to be run with any number of layouts: copies them to the device and changes
   * their memory layout, once.
   *
   * @throws KernelFailedException if the kernel fails
   */
  PreparedAttention prepare(AttentionInputs inputs);

  /**
   * Prepares the inputs, runs them once, and lets go of them.
   *
   * @return what both took together
   * @throws IllegalArgumentException if the output does not fit the problem
   * @throws KernelFailedException if the kernel fails
   */
  default KernelRun run(AttentionProblem problem, AttentionOutput output) {
    output.check(problem.shape());
    try (PreparedAttention prepared = prepare(problem.inputs())) {
      return prepared.run(problem.layout(), output).with(prepared.preparation());
    }
  }

  /**
   * Gives back what the kernel holds: compiled code and buffers that it kept for the next {@link
   * #prepare}. Close what was prepared first. A closed kernel is not to be used again.
   */
  @Override
  default void close() {}
}
