// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.Preparation;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.TokenOrders;

/**
 * Attention of a batch whose sequences may have layouts and token orders of their own, as patterns
 * that look at queries and keys choose them. If they differ, the kernel runs once per sequence, and
 * a run's times are the sum.
 */
public final class BatchAttention implements AutoCloseable {
  private final AttentionShape shape;
  private final List<PreparedAttention> sequences;

  private BatchAttention(AttentionShape shape, List<PreparedAttention> sequences) {
    this.shape = shape;
    this.sequences = sequences;
  }

  /**
   * Brings inputs into their orders and prepares them for a kernel.
   *
   * @param orders one for all sequences, or one per sequence
   * @throws IllegalArgumentException if the orders do not fit the inputs
   */
  public static BatchAttention prepare(
      AttentionKernel kernel, AttentionInputs inputs, List<TokenOrders> orders) {
    AttentionShape shape = inputs.shape();
    if (orders.size() == 1) {
      return new BatchAttention(shape, List.of(kernel.prepare(inputs, orders.getFirst())));
    }
    if (orders.size() != shape.batch()) {
      throw new IllegalArgumentException(
          "token orders are for " + orders.size() + " sequences, the shape has " + shape.batch());
    }
    List<PreparedAttention> prepared = new ArrayList<>();
    try {
      for (int sequence = 0; sequence < orders.size(); sequence++) {
        prepared.add(kernel.prepare(sequence(inputs, sequence), orders.get(sequence)));
      }
    } catch (RuntimeException | Error e) {
      prepared.forEach(PreparedAttention::close);
      throw e;
    }
    return new BatchAttention(shape, prepared);
  }

  private static AttentionInputs sequence(AttentionInputs inputs, int sequence) {
    int batch = inputs.shape().batch();
    return new AttentionInputs(
        one(inputs.shape()),
        inputs.dtype(),
        part(inputs.query(), sequence, batch),
        part(inputs.key(), sequence, batch),
        part(inputs.value(), sequence, batch));
  }

  private static AttentionShape one(AttentionShape shape) {
    return new AttentionShape(
        1,
        shape.latentFrames(),
        shape.patchesPerFrame(),
        shape.textTokens(),
        shape.heads(),
        shape.kvHeads(),
        shape.headDim());
  }

  private static MemorySegment part(MemorySegment whole, int sequence, int batch) {
    long bytes = whole.byteSize() / batch;
    return whole.asSlice(sequence * bytes, bytes);
  }

  /** What preparing took, all sequences together. */
  public Preparation preparation() {
    double prepare = 0;
    double transfer = 0;
    for (PreparedAttention sequence : sequences) {
      prepare += sequence.preparation().prepareMillis();
      transfer += sequence.preparation().transferMillis();
    }
    return new Preparation(prepare, transfer);
  }

  /**
   * Computes the attention, all sequences one after another.
   *
   * @param layout in the orders that were prepared
   * @param output in the sequences' own order of tokens
   * @throws IllegalArgumentException if layout or output do not fit the inputs
   */
  public KernelRun run(BatchLayout layout, AttentionOutput output) {
    output.check(shape);
    if (layout.sequences().size() != sequences.size()) {
      throw new IllegalArgumentException(
          "the layout is for "
              + layout.sequences().size()
              + " sequences, prepared are "
              + sequences.size());
    }
    if (sequences.size() == 1) {
      return sequences.getFirst().run(layout.sequence(0).layout(), output);
    }
    KernelRun all = KernelRun.of("", 0, 0);
    for (int sequence = 0; sequence < sequences.size(); sequence++) {
      int at = sequence;
      AttentionOutput part =
          new AttentionOutput(
              part(output.out(), at, sequences.size()),
              output.logSumExp().map(lse -> part(lse, at, sequences.size())));
      KernelRun run = sequences.get(at).run(layout.sequence(at).layout(), part);
      all =
          new KernelRun(
              run.kernel(),
              all.kernelMillis() + run.kernelMillis(),
              all.prepareMillis() + run.prepareMillis(),
              all.transferMillis() + run.transferMillis(),
              Math.max(all.extraBytes(), run.extraBytes()));
    }
    return all;
  }

  @Override
  public void close() {
    sequences.forEach(PreparedAttention::close);
  }
}
