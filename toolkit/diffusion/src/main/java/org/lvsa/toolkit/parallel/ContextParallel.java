// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.util.Locale;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;

/**
 * One self-attention over a sequence whose video tokens are split among ranks, in equal parts in
 * the order of the ranks. Text tokens are whole on every rank.
 */
public sealed interface ContextParallel permits Ulysses, GlobalKeyValue, Ring, Hybrid {

  /** How the ranks divide the work. */
  enum Scheme {
    /** By heads: each rank computes all tokens of some of the heads ({@link Ulysses}). */
    ULYSSES,
    /**
     * By queries: each rank computes its own tokens, of all heads. The ranks send each other the
     * keys and values of the frames that these tokens attend to ({@link GlobalKeyValue}).
     */
    GLOBAL_KV,
    /**
     * By queries: keys and values pass from rank to rank, and partial results are merged ({@link
     * Ring}).
     */
    RING,
    /** By heads among neighbours, and then round a ring ({@link Hybrid}). */
    HYBRID;

    /**
     * The scheme for a shape.
     *
     * @param ranks those that share the sequence
     * @throws IllegalArgumentException if the shape does not divide among the ranks
     */
    public ContextParallel of(AttentionShape shape, SequenceRanks ranks) {
      return switch (this) {
        case ULYSSES -> new Ulysses(shape, ranks.all());
        case GLOBAL_KV -> new GlobalKeyValue(shape, ranks.all());
        case RING -> new Ring(shape, ranks.all());
        case HYBRID -> new Hybrid(shape, ranks);
      };
    }

    /** As {@link #of(AttentionShape, SequenceRanks)}, for a scheme of one kind of group. */
    public ContextParallel of(AttentionShape shape, Communicator ranks) {
      return of(shape, group(ranks));
    }

    /**
     * Ranks that share a sequence by this scheme alone.
     *
     * @throws IllegalStateException for the hybrid, whose groups have two sizes
     */
    public SequenceRanks group(Communicator ranks) {
      return switch (this) {
        case ULYSSES, GLOBAL_KV -> SequenceRanks.of(ranks, ranks.world(), 1);
        case RING -> SequenceRanks.of(ranks, 1, ranks.world());
        case HYBRID -> throw new IllegalStateException("a hybrid has groups of two sizes");
      };
    }

    /**
     * Checks that a shape can be divided among the ranks.
     *
     * @param ulysses ranks of a heads group, where the scheme has them
     * @param ring ranks of a ring, where the scheme has them
     * @throws IllegalArgumentException saying what does not divide or fit
     */
    public void check(AttentionShape shape, int ulysses, int ring) {
      ContextParallel.check(shape, ulysses * ring);
      if (this == RING || this == HYBRID) {
        Ring.check(shape, ulysses, ring);
      }
    }

    /**
     * Whether the pattern makes frames around the boundaries between ranks global, as the published
     * implementation does for this scheme.
     */
    public boolean guardsBoundaries() {
      return this == GLOBAL_KV;
    }
  }

  /** What computes a rank's part of the attention: a kernel. */
  @FunctionalInterface
  interface Compute {
    /** Computes one problem to its end. */
    void run(AttentionProblem problem, AttentionOutput output);
  }

  /**
   * Computes this rank's part of the result. It equals, up to rounding, what one rank alone gives
   * with the same layout. Every rank has to call it, with the same layout.
   *
   * @param compute runs the kernel
   * @param layout which frames of the whole video attend to which
   * @param query this rank's tokens, {@code [tokens, heads, headDim]}
   * @param key this rank's tokens, {@code [tokens, kvHeads, headDim]}
   * @param value as key
   * @return this rank's tokens, {@code [tokens, heads, headDim]}
   */
  Shard attend(Compute compute, BlockSparseLayout layout, Shard query, Shard key, Shard value);

  /** Bytes that this rank sends to the others in one {@link #attend} with this layout. */
  long bytesSent(BlockSparseLayout layout);

  /**
   * Checks that there is one sequence, and that a rank's part of it fits into one message. Sizes
   * computed after this check cannot overflow.
   *
   * @throws IllegalArgumentException saying what does not divide or fit, and what would
   */
  static void check(AttentionShape shape, int world) {
    if (shape.batch() != 1) {
      throw new IllegalArgumentException(
          "batch must be 1 over several ranks, got "
              + shape.batch()
              + ": run guidance's passes one after the other");
    }
    // A shape has at most 2^60 elements, so that the product is a long.
    long largest =
        2L
            * (Math.ceilDiv((long) shape.videoTokens(), world) + shape.textTokens())
            * shape.heads()
            * (shape.headDim() + 1L);
    if (largest > Integer.MAX_VALUE) {
      long most =
          Integer.MAX_VALUE / (2L * shape.heads() * (shape.headDim() + 1L)) - shape.textTokens();
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a rank's keys and values must be at most 2^31-1 numbers, got %d (%d tokens per rank"
                  + " and %d of text, %d heads of %d): %s",
              largest,
              shape.videoTokens() / world,
              shape.textTokens(),
              shape.heads(),
              shape.headDim(),
              most < 1
                  ? "use less text"
                  : "use at least " + Math.ceilDiv((long) shape.videoTokens(), most) + " ranks"));
    }
  }
}
