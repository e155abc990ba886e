// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.List;
import java.util.Optional;

/**
 * An open backend, on one device: computes dense and block-sparse attention. A dense attention is a
 * full layout through the same code, so that dense against sparse compares patterns and not
 * implementations; a kernel that has another path for full layouts names it in {@link
 * KernelRun#kernel}.
 *
 * <p>NaN and infinities in query, key and value have the same effect on every kernel, that of IEEE
 * 754 arithmetic when the row's highest score is subtracted before the exponential:
 *
 * <ul>
 *   <li>A score that is NaN or +∞ makes the query's whole output and its log-sum-exp NaN.
 *   <li>A key whose score is −∞ has weight 0. If all scores of a query are −∞, its output is NaN
 *       (0/0) and its log-sum-exp −∞ (log 0).
 *   <li>A query without keys has output 0 and log-sum-exp −∞.
 *   <li>A value that is NaN makes its element of the output NaN, for every query that attends to
 *       it. An infinite value makes that element infinite, or NaN where its weight is 0 or where
 *       infinities of both signs meet.
 *   <li>Tokens that a query does not attend to have no influence on its output, whatever they hold.
 * </ul>
 *
 * <p>Scores are computed in float32 or better: a kernel may treat scores beyond float32's range as
 * infinite, and weights below it as 0.
 *
 * <p>{@link #prepare(AttentionInputs)} may be called any number of times, and several {@link
 * PreparedAttention}s may be open at once; each holds memory of its own. A kernel and what it
 * prepared are used by one thread at a time; different kernels run side by side.
 */
public interface AttentionKernel extends AutoCloseable {

  /** The device that the kernel runs on, as a person would read it. */
  String device();

  /** The largest relative error of one query's output that is right, against float64. */
  default double allowedError(DType dtype) {
    return dtype == DType.F32 ? 1e-4 : 5e-3;
  }

  /**
   * Why attention of this shape and type cannot run here; empty if it can. Allocates nothing. What
   * {@link #prepare} does with a problem that is refused here is not defined.
   */
  Optional<String> unsupported(AttentionShape shape, DType dtype);

  /**
   * What was left out so far although it would have been faster and nobody chose otherwise, and
   * why: a line each. What ran in its place is right, but says little of the backend's speed.
   */
  default List<String> passedOver() {
    return List.of();
  }

  /**
   * Whether the kernel masks within blocks that have a band, see {@link BlockPart.Band}. A kernel
   * that does not computes every pair of those blocks: the result is that of {@link
   * BlockSparseLayout#superset}. All other layouts are computed exactly by every kernel.
   */
  default boolean runsBands() {
    return false;
  }

  /**
   * The layout whose pairs the kernel really computes when it is asked for {@code layout}: the one
   * to judge its result by, and to count its work and its density by.
   */
  default BlockSparseLayout computed(BlockSparseLayout layout) {
    return runsBands() ? layout : layout.superset();
  }

  /**
   * Makes inputs ready to be run with any number of layouts: copies them to the device and changes
   * their memory layout, once.
   *
   * @throws KernelFailedException if the kernel fails
   */
  PreparedAttention prepare(AttentionInputs inputs);

  /**
   * As {@link #prepare(AttentionInputs)}, with the tokens brought into another order first, by head
   * if the orders differ by head. Layouts refer to the tokens in that order; a layout of frames is
   * refused unless it is dense. Outputs are in the usual order again. The time to move tokens is
   * counted as preparation: that of query, key and value in {@link PreparedAttention#preparation},
   * that of the output in {@link KernelRun#prepareMillis}.
   *
   * <p>Keys and values of heads that share them (GQA) are repeated if those heads want them in
   * different orders. Orders that change nothing cost nothing.
   *
   * <p>Here the host moves the tokens; a kernel on a device of its own does it there.
   *
   * @throws IllegalArgumentException if the orders do not fit the inputs
   * @throws KernelFailedException if the kernel fails
   */
  default PreparedAttention prepare(AttentionInputs inputs, TokenOrders orders) {
    orders.check(inputs.shape());
    return orders.areIdentity() ? prepare(inputs) : new OrderedAttention(this, inputs, orders);
  }

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
