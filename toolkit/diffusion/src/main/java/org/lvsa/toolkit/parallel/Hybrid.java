// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.Arena;
import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;

/**
 * Attention divided by heads among neighbouring ranks ({@link Ulysses}), whose tokens together are
 * one part of a ring ({@link Ring}): the unified sequence parallelism of Fang and Zhao 2024 (arXiv
 * 2405.07719). It takes more ranks than there are heads.
 */
public final class Hybrid implements ContextParallel {
  private final SequenceRanks ranks;
  private final HeadExchange heads;
  private final Ring ring;

  /**
   * @param shape of the whole sequence; one sequence
   * @param ranks those that share it
   * @throws IllegalArgumentException if tokens or heads do not divide among the ranks
   */
  public Hybrid(AttentionShape shape, SequenceRanks ranks) {
    int ulysses = ranks.ulysses().world();
    Scheme.HYBRID.check(shape, ulysses, ranks.ring().world());
    this.ranks = ranks;
    // What one heads group holds of the video; it has no frames of its own.
    AttentionShape group =
        new AttentionShape(
            1,
            1,
            shape.videoTokens() / ranks.ring().world(),
            shape.textTokens(),
            shape.heads(),
            shape.kvHeads(),
            shape.headDim());
    heads = new HeadExchange(group, ranks.ulysses());
    AttentionShape local = heads.local();
    ring =
        new Ring(
            new AttentionShape(
                1,
                shape.latentFrames(),
                shape.patchesPerFrame(),
                shape.textTokens(),
                local.heads(),
                local.kvHeads(),
                shape.headDim()),
            ranks.ring());
  }

  @Override
  public Shard attend(
      Compute compute, BlockSparseLayout layout, Shard query, Shard key, Shard value) {
    Shard out =
        ring.attend(
            compute, layout, toHeads(query, false), toHeads(key, true), toHeads(value, true));
    try (Arena arena = Arena.ofShared()) {
      return heads.toTokens(Ulysses.joined(arena, List.of(out.video(), out.text())));
    }
  }

  /** The heads group's tokens, of this rank's heads. */
  private Shard toHeads(Shard shard, boolean keys) {
    float[][] parts = heads.toHeads(shard, keys);
    int world = ranks.ulysses().world();
    float[] video = new float[world * parts[0].length];
    for (int rank = 0; rank < world; rank++) {
      System.arraycopy(parts[rank], 0, video, rank * parts[0].length, parts[0].length);
    }
    return new Shard(video, parts[world]);
  }

  /**
   * {@inheritDoc}
   *
   * <p>What {@link Ulysses} sends of the heads group's tokens, and what {@link Ring} sends of this
   * rank's heads.
   */
  @Override
  public long bytesSent(BlockSparseLayout layout) {
    return heads.bytesSent() + ring.bytesSent(layout);
  }
}
