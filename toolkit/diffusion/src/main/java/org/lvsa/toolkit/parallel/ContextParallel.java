// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;

/** One attention over a sequence whose video tokens are split among ranks. */
public sealed interface ContextParallel permits Ulysses, GlobalKeyValue {

  /** How the ranks divide the work. */
  enum Scheme {
    /** By heads: each rank computes the whole sequence of a few heads. */
    ULYSSES,
    /**
     * By queries: each rank computes its own tokens, and is sent the frames that they attend to.
     */
    GLOBAL_KV;

    /**
     * The scheme for a shape.
     *
     * @throws IllegalArgumentException if the shape does not divide among the ranks
     */
    public ContextParallel of(AttentionShape shape, Communicator ranks) {
      return switch (this) {
        case ULYSSES -> new Ulysses(shape, ranks);
        case GLOBAL_KV -> new GlobalKeyValue(shape, ranks);
      };
    }

    /**
     * Checks that a shape can be divided among so many ranks.
     *
     * @throws IllegalArgumentException saying what does not divide
     */
    public void check(AttentionShape shape, int world) {
      ContextParallel.check(shape, world);
      if (this == ULYSSES) {
        Ulysses.checkHeads(shape, world);
      }
    }

    /** Whether frames around the ranks' boundaries are global frames, as published. */
    public boolean guardsBoundaries() {
      return this == GLOBAL_KV;
    }
  }

  /** What computes a rank's part: a kernel. */
  @FunctionalInterface
  interface Compute {
    /** Computes one problem. */
    void run(AttentionProblem problem, AttentionOutput output);
  }

  /**
   * The rank's part of the result: the same numbers, up to rounding, as one rank gives with that
   * layout. Every rank calls it.
   *
   * @param compute what runs the kernel
   * @param layout of the whole video
   * @param query {@code [·, heads, headDim]}
   * @param key {@code [·, kvHeads, headDim]}
   * @param value as key
   */
  Shard attend(Compute compute, BlockSparseLayout layout, Shard query, Shard key, Shard value);

  /** Bytes that this rank sends to others in one {@link #attend} with that layout. */
  long bytesSent(BlockSparseLayout layout);

  /**
   * Checks that a sequence can be split, and that a rank's part of it fits into one message. Sizes
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
    int left = shape.videoTokens() % world;
    if (left != 0) {
      throw new IllegalArgumentException(
          "video tokens must be a multiple of the ranks: %d frames of %d patches are %d tokens, over %d ranks %d are left; choose a length or a resolution whose product divides"
              .formatted(
                  shape.latentFrames(), shape.patchesPerFrame(), shape.videoTokens(), world, left));
    }
    // Key and value of one token travel in one message, and so does a row of the log-sum-exp.
    // A shape has at most 2^60 elements, so that the product is a long.
    long largest =
        2L
            * ((long) shape.videoTokens() / world + shape.textTokens())
            * shape.heads()
            * (shape.headDim() + 1L);
    if (largest > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "a rank's keys and values must be at most 2^31-1 numbers, got "
              + largest
              + " (%d tokens per rank and %d of text, %d heads of %d): use more ranks"
                  .formatted(
                      shape.videoTokens() / world,
                      shape.textTokens(),
                      shape.heads(),
                      shape.headDim()));
    }
  }
}
