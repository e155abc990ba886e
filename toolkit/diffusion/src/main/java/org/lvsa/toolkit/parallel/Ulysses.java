// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;
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
 * video; of the result for text, every rank receives all heads.
 */
public final class Ulysses implements ContextParallel {
  private final HeadExchange heads;

  /**
   * @param shape of the whole sequence; one sequence
   * @throws IllegalArgumentException if tokens or heads do not divide among the ranks
   */
  public Ulysses(AttentionShape shape, Communicator ranks) {
    ContextParallel.check(shape, ranks.world());
    checkHeads(shape, ranks.world());
    heads = new HeadExchange(shape, ranks);
  }

  static void checkHeads(AttentionShape shape, int world) {
    if (shape.heads() % world != 0) {
      throw new IllegalArgumentException(
          "heads must be a multiple of the ranks ("
              + world
              + "), got "
              + shape.heads()
              + ": try one of "
              + IntStream.rangeClosed(1, shape.heads())
                  .filter(ranks -> shape.heads() % ranks == 0)
                  .boxed()
                  .toList());
    }
    if (shape.kvHeads() % world != 0 && world % shape.kvHeads() != 0) {
      throw new IllegalArgumentException(
          "kvHeads must be a multiple or a divisor of the ranks ("
              + world
              + "), got "
              + shape.kvHeads());
    }
  }

  @Override
  public Shard attend(
      Compute compute, BlockSparseLayout layout, Shard query, Shard key, Shard value) {
    AttentionShape local = heads.local();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment q = joined(arena, List.of(heads.toHeads(query, false)));
      MemorySegment k = joined(arena, List.of(heads.toHeads(key, true)));
      MemorySegment v = joined(arena, List.of(heads.toHeads(value, true)));
      AttentionOutput output = AttentionOutput.allocate(local, arena);
      compute.run(
          new AttentionProblem(new AttentionInputs(local, DType.F32, q, k, v), layout), output);
      return heads.toTokens(output.out());
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
