// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.Arena;

/**
 * Inputs of an attention whose tokens the host brings into another order first, on all cores, and
 * whose output it brings back. The time is counted as preparation: that of query, key and value in
 * {@link #preparation}, that of the output in {@link KernelRun#prepareMillis} of each run. The
 * copies are freed by {@link #close}.
 */
final class OrderedAttention implements PreparedAttention {
  private final AttentionShape shape;
  private final TokenOrders orders;
  private final Arena arena;
  private final PreparedAttention prepared;
  private final AttentionOutput ordered;
  private final Preparation preparation;
  private final long bytes;
  private boolean closed;

  OrderedAttention(AttentionKernel kernel, AttentionInputs inputs, TokenOrders orders) {
    this.shape = inputs.shape();
    this.orders = orders;
    arena = Arena.ofShared();
    try {
      long start = System.nanoTime();
      AttentionInputs moved = orders.apply(inputs, arena);
      double millis = (System.nanoTime() - start) / 1e6;
      ordered = AttentionOutput.allocateWithLogSumExp(shape, arena);
      bytes =
          moved.query().byteSize()
              + 2 * moved.key().byteSize()
              + (shape.queryElements() + shape.logSumExpElements()) * Float.BYTES;
      prepared = kernel.prepare(moved);
      Preparation own = prepared.preparation();
      preparation = new Preparation(own.prepareMillis() + millis, own.transferMillis());
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  @Override
  public Preparation preparation() {
    return preparation;
  }

  @Override
  public KernelRun run(BlockSparseLayout layout, AttentionOutput output) {
    if (closed) {
      throw new IllegalStateException("the prepared attention is closed");
    }
    TokenOrders.check(layout);
    output.check(shape);
    KernelRun run = prepared.run(layout, ordered);
    long start = System.nanoTime();
    orders.undo(shape, ordered, output);
    double millis = (System.nanoTime() - start) / 1e6;
    return new KernelRun(
        run.kernel(),
        run.kernelMillis(),
        run.prepareMillis() + millis,
        run.transferMillis(),
        run.extraBytes() + bytes);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      prepared.close();
      arena.close();
    }
  }
}
