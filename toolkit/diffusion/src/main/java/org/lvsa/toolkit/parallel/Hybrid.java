// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;

/**
 * Attention divided by heads among neighbouring ranks ({@link Ulysses}), whose tokens together are
 * one part of a ring ({@link Ring}): the unified sequence parallelism of Fang and Zhao 2024 (arXiv
 * 2405.07719). It takes more ranks than there are heads.
 */
public final class Hybrid implements ContextParallel {
  private final SequenceRanks ranks;
  private final AttentionShape shape;
  private final HeadExchange heads;

  /** Tokens that a heads group holds together, padding included. */
  private final int groupTokens;

  /** The ring of this rank's heads; empty if it has none. */
  private final Optional<Ring> ring;

  /**
   * @param shape of the whole sequence; one sequence
   * @param ranks those that share it
   * @throws IllegalArgumentException if the ring's parts have too many pieces
   */
  public Hybrid(AttentionShape shape, SequenceRanks ranks) {
    ContextParallel.check(shape, ranks.all().world());
    this.ranks = ranks;
    this.shape = shape;
    int ulysses = ranks.ulysses().world();
    List<TokenRange> parts = TokenRange.all(shape.videoTokens(), ranks.all().world());
    int first = ranks.ring().rank() * ulysses;
    heads = new HeadExchange(shape, ranks.ulysses(), parts.subList(first, first + ulysses));
    groupTokens = ulysses * parts.getFirst().count();
    ring = heads.local().map(local -> new Ring(local, ranks.ring(), groupTokens));
  }

  @Override
  public Shard attend(
      Compute compute, BlockSparseLayout layout, Shard query, Shard key, Shard value) {
    Shard q = toHeads(query, false);
    Shard k = toHeads(key, true);
    Shard v = toHeads(value, true);
    Shard out = ring.isEmpty() ? q : ring.get().attend(compute, layout, q, k, v);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment joined = Ulysses.joined(arena, List.of(out.video(), out.text()));
      return heads.toTokens(joined, groupTokens);
    }
  }

  /** The heads group's tokens, of this rank's heads, with the padding behind them. */
  private Shard toHeads(Shard shard, boolean keys) {
    List<float[]> parts = heads.toHeads(shard, keys);
    int its = heads.local().map(one -> keys ? one.kvHeads() : one.heads()).orElse(0);
    float[] video = new float[groupTokens * its * shape.headDim()];
    int at = 0;
    for (float[] part : parts.subList(0, parts.size() - 1)) {
      System.arraycopy(part, 0, video, at, part.length);
      at += part.length;
    }
    return new Shard(video, parts.getLast());
  }

  /**
   * {@inheritDoc}
   *
   * <p>What {@link Ulysses} sends of the heads group's tokens, and what {@link Ring} sends of this
   * rank's heads.
   */
  @Override
  public long bytesSent(BlockSparseLayout layout) {
    return heads.bytesSent() + ring.map(one -> one.bytesSent(layout)).orElse(0L);
  }
}
