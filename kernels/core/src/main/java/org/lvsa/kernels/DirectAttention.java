// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

/** Inputs of a kernel that reads them where they lie. */
final class DirectAttention implements PreparedAttention {
  private final AttentionInputs inputs;
  private final DirectRun work;
  private boolean closed;

  DirectAttention(AttentionInputs inputs, DirectRun work) {
    this.inputs = inputs;
    this.work = work;
  }

  @Override
  public Preparation preparation() {
    return Preparation.NONE;
  }

  @Override
  public KernelRun run(BlockSparseLayout layout, AttentionOutput output) {
    if (closed) {
      throw new IllegalStateException("the prepared attention is closed");
    }
    AttentionProblem problem = new AttentionProblem(inputs, layout);
    output.check(problem.shape());
    return work.run(problem, output);
  }

  @Override
  public void close() {
    closed = true;
  }
}
