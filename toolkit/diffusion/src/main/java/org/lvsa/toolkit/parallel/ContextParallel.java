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
public sealed interface ContextParallel permits Ulysses, GlobalKeyValue {

  /** How the ranks divide the work. */
  enum Scheme {
    /** By heads: each rank computes all tokens of some of the heads ({@link Ulysses}). */
    ULYSSES,
    /**
     * By queries: each rank computes its own tokens, of all heads. The ranks send each other the
     * keys and values of the frames that these tokens attend to ({@link GlobalKeyValue}).
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
     * Checks that a shape can be divided among this number of ranks.
     *
     * @throws IllegalArgumentException saying what does not divide or fit
     */
    public void check(AttentionShape shape, int world) {
      ContextParallel.check(shape, world);
      if (this == ULYSSES) {
        Ulysses.checkHeads(shape, world);
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
          String.format(
              Locale.ROOT,
              "video tokens must be a multiple of the ranks: %d frames of %d patches are %d tokens,"
                  + " over %d ranks %d are left; choose a length or a resolution whose product"
                  + " divides",
              shape.latentFrames(),
              shape.patchesPerFrame(),
              shape.videoTokens(),
              world,
              left));
    }
    // A shape has at most 2^60 elements, so that the product is a long.
    long largest =
        2L
            * ((long) shape.videoTokens() / world + shape.textTokens())
            * shape.heads()
            * (shape.headDim() + 1L);
    if (largest > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a rank's keys and values must be at most 2^31-1 numbers, got %d (%d tokens per rank"
                  + " and %d of text, %d heads of %d): use more ranks",
              largest,
              shape.videoTokens() / world,
              shape.textTokens(),
              shape.heads(),
              shape.headDim()));
    }
  }
}
