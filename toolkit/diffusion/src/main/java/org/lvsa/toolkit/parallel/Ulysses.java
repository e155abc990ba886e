// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;

/**
 * Attention divided by heads (DeepSpeed-Ulysses, arXiv 2309.14509).
 *
 * <p>A rank holds {@code videoTokens / world} tokens of all heads. The ranks exchange query, key
 * and value so that each has all tokens of {@code heads / world} heads; each computes these; then
 * they exchange the result back. Text tokens are whole on every rank and are not sent with the
 * video; of the result for text, every rank receives all heads. Neither tokens nor heads need
 * divide.
 */
public final class Ulysses implements ContextParallel {
  private final AttentionShape shape;
  private final HeadExchange heads;

  /**
   * @param shape of the whole sequence; one sequence
   */
  public Ulysses(AttentionShape shape, Communicator ranks) {
    ContextParallel.check(shape, ranks.world());
    this.shape = shape;
    heads = new HeadExchange(shape, ranks, TokenRange.all(shape.videoTokens(), ranks.world()));
  }

  @Override
  public Shard attend(
      Compute compute, BlockSparseLayout layout, Shard query, Shard key, Shard value) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment q = joined(arena, heads.toHeads(query, false));
      MemorySegment k = joined(arena, heads.toHeads(key, true));
      MemorySegment v = joined(arena, heads.toHeads(value, true));
      if (heads.local().isEmpty()) {
        return heads.toTokens(q, shape.videoTokens());
      }
      AttentionShape local = heads.local().get();
      AttentionOutput output = AttentionOutput.allocate(local, arena);
      compute.run(
          new AttentionProblem(new AttentionInputs(local, DType.F32, q, k, v), layout), output);
      return heads.toTokens(output.out(), shape.videoTokens());
    }
  }

  /** Parts one after the other, in native memory. */
  static MemorySegment joined(Arena arena, List<float[]> parts) {
    long elements = parts.stream().mapToLong(part -> part.length).sum();
    MemorySegment whole = arena.allocate(elements * Float.BYTES, 64);
    long at = 0;
    for (float[] part : parts) {
      MemorySegment.copy(part, 0, whole, ValueLayout.JAVA_FLOAT, at, part.length);
      at += (long) part.length * Float.BYTES;
    }
    return whole;
  }

  /**
   * {@inheritDoc}
   *
   * <p>To each other rank: its heads of query, key and value of this rank's tokens, and this rank's
   * heads of the other's tokens and of the text of the result. The layout does not matter.
   */
  @Override
  public long bytesSent(BlockSparseLayout layout) {
    return heads.bytesSent();
  }
}
