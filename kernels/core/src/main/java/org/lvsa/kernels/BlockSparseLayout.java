// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.List;
import java.util.Objects;

/**
 * Which keys each query attends to, as a sparse matrix of blocks of tokens. There are two kinds:
 *
 * <ul>
 *   <li>A layout of latent frames: one row and one column per frame, the same for all heads. The
 *       shape says how many tokens a frame has. Text is not part of the layout: video queries
 *       attend to the frames of their row and to all text, text queries to everything.
 *   <li>A layout of {@link TokenBlocks}: blocks of any sizes, which cover the whole sequence with
 *       its text; one matrix for all query heads, or one per query head with sizes of its own.
 *       Blocks may be attended to in part, see {@link BlockPart}.
 * </ul>
 *
 * <p>Immutable. A query may attend to nothing: its output is then zero and its log-sum-exp −∞.
 */
public final class BlockSparseLayout {
  /** One matrix for all heads, or one per query head. */
  private final List<BlockRows> rows;

  /** The blocks of each matrix; empty for a layout of frames. */
  private final List<TokenBlocks> blocks;

  private BlockSparseLayout(BlockRows frames) {
    rows = List.of(frames);
    blocks = List.of();
  }

  private BlockSparseLayout(List<TokenBlocks> blocks) {
    this.blocks = List.copyOf(blocks);
    rows = this.blocks.stream().map(TokenBlocks::rows).toList();
  }

  /**
   * A layout of frames from CSR arrays, which are copied.
   *
   * @param keyFrames number of key frames; every index is below it
   * @throws IllegalArgumentException if indptr does not rise from 0 to {@code indices.length}, or a
   *     row is not strictly ascending within {@code [0, keyFrames)}
   */
  public static BlockSparseLayout of(int keyFrames, int[] indptr, int[] indices) {
    return new BlockSparseLayout(BlockRows.of(keyFrames, indptr, indices));
  }

  /**
   * A layout in which every one of {@code frames} frames attends to every frame. It takes no memory
   * that grows with the frames.
   *
   * @throws IllegalArgumentException if {@code frames} is below 1
   */
  public static BlockSparseLayout dense(int frames) {
    if (frames < 1) {
      throw new IllegalArgumentException("frames must be at least 1, got " + frames);
    }
    return new BlockSparseLayout(BlockRows.dense(frames, frames));
  }

  /** A layout of token blocks that is the same for all heads. */
  public static BlockSparseLayout ofBlocks(TokenBlocks blocks) {
    return new BlockSparseLayout(List.of(blocks));
  }

  /**
   * A layout of token blocks with a matrix per query head.
   *
   * @param heads the blocks of each query head; a list of one is for all heads
   * @throws IllegalArgumentException if the list is empty, or the sequences differ in length
   */
  public static BlockSparseLayout ofBlocks(List<TokenBlocks> heads) {
    if (heads.isEmpty()) {
      throw new IllegalArgumentException("a layout needs the blocks of at least one head, got 0");
    }
    int tokens = heads.getFirst().tokens();
    for (int head = 1; head < heads.size(); head++) {
      if (heads.get(head).tokens() != tokens) {
        throw new IllegalArgumentException(
            "the blocks of head 0 have "
                + tokens
                + " tokens, those of head "
                + head
                + " have "
                + heads.get(head).tokens());
      }
    }
    return new BlockSparseLayout(heads);
  }

  /**
   * Checks that the layout is one for a shape.
   *
   * @throws IllegalArgumentException if frames, tokens or heads differ
   */
  public void check(AttentionShape shape) {
    if (isFrames()) {
      int frames = shape.latentFrames();
      if (queryFrames() != frames || keyFrames() != frames) {
        throw new IllegalArgumentException(
            "layout is " + queryFrames() + "x" + keyFrames() + " frames, the shape has " + frames);
      }
      return;
    }
    int tokens = blocks.getFirst().tokens();
    if (tokens != shape.tokens()) {
      throw new IllegalArgumentException(
          "layout is for " + tokens + " tokens, the shape has " + shape.tokens());
    }
    if (heads() != 1 && heads() != shape.heads()) {
      throw new IllegalArgumentException(
          "layout is for " + heads() + " heads, the shape has " + shape.heads());
    }
  }

  /** Whether this is a layout of frames, and not of token blocks. */
  public boolean isFrames() {
    return blocks.isEmpty();
  }

  /** Number of matrices: 1 if one is for all heads, else the number of query heads. */
  public int heads() {
    return rows.size();
  }

  /**
   * The blocks of a query head.
   *
   * @throws IllegalStateException if this is a layout of frames
   */
  public TokenBlocks blocks(int head) {
    if (isFrames()) {
      throw new IllegalStateException("a layout of frames has no token blocks");
    }
    return blocks.get(heads() == 1 ? 0 : head);
  }

  /** The sparse matrix of a query head. */
  public BlockRows rows(int head) {
    return rows.get(heads() == 1 ? 0 : head);
  }

  private BlockRows frames() {
    if (!isFrames()) {
      throw new IllegalStateException("a layout of token blocks has no frames");
    }
    return rows.getFirst();
  }

  /**
   * Number of query frames (rows).
   *
   * @throws IllegalStateException if this is a layout of token blocks
   */
  public int queryFrames() {
    return frames().rows();
  }

  /**
   * Number of key frames (columns).
   *
   * @throws IllegalStateException if this is a layout of token blocks
   */
  public int keyFrames() {
    return frames().columns();
  }

  /**
   * Number of key frames that a query frame attends to.
   *
   * @throws IllegalStateException if this is a layout of token blocks
   */
  public int count(int queryFrame) {
    return frames().count(queryFrame);
  }

  /**
   * A key frame that a query frame attends to.
   *
   * @param position place in the row, from 0 to before {@link #count}
   * @throws IllegalStateException if this is a layout of token blocks
   */
  public int index(int queryFrame, int position) {
    return frames().index(queryFrame, position);
  }

  /**
   * Whether two query frames attend to the same key frames.
   *
   * @throws IllegalStateException if this is a layout of token blocks
   */
  public boolean sameRow(int queryFrame, int other) {
    return frames().sameRow(queryFrame, other);
  }

  /**
   * A new array of the CSR row pointers: one more than there are query frames.
   *
   * @throws IllegalStateException if this is a layout of token blocks
   */
  public int[] indptr() {
    return frames().indptr();
  }

  /**
   * A new array of the CSR column indices, one per attended pair of frames.
   *
   * @throws ArithmeticException if there are more pairs than an array holds
   * @throws IllegalStateException if this is a layout of token blocks
   */
  public int[] indices() {
    return frames().indices();
  }

  /** Number of attended (query block, key block) pairs, of all matrices together. */
  public long attended() {
    return rows.stream().mapToLong(BlockRows::attended).sum();
  }

  /**
   * Number of attended (query, key) pairs of tokens, of one head and one sequence.
   *
   * @throws IllegalArgumentException if the layout does not fit the shape
   */
  public long attendedPairs(AttentionShape shape, int head) {
    check(shape);
    if (!isFrames()) {
      return blocks(head).attendedPairs();
    }
    long patches = shape.patchesPerFrame();
    return attended() * patches * patches
        + (long) shape.videoTokens() * shape.textTokens()
        + (long) shape.textTokens() * shape.tokens();
  }

  /**
   * Share of all (query, key) pairs of tokens that is attended to: 1 is dense. A layout of frames
   * counts the video's tokens alone, which are the same share as of the frames.
   */
  public double density() {
    if (isFrames()) {
      return (double) attended() / queryFrames() / keyFrames();
    }
    double tokens = blocks.getFirst().tokens();
    double pairs = blocks.stream().mapToDouble(TokenBlocks::attendedPairs).sum();
    return pairs / heads() / tokens / tokens;
  }

  /** Whether every query attends to every key. */
  public boolean isDense() {
    return rows.stream().allMatch(BlockRows::isDense);
  }

  /** Whether any block has a band, see {@link BlockPart.Band}. */
  public boolean hasBands() {
    return rows.stream().anyMatch(BlockRows::hasBands);
  }

  /**
   * The smallest layout without bands that has all of this one's pairs: blocks with a band are
   * attended to in full. Kernels that cannot mask within a block run it, see {@link
   * AttentionKernel#runsBands}.
   */
  public BlockSparseLayout superset() {
    return hasBands()
        ? new BlockSparseLayout(blocks.stream().map(TokenBlocks::withoutBands).toList())
        : this;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof BlockSparseLayout that
        && rows.equals(that.rows)
        && blocks.equals(that.blocks);
  }

  @Override
  public int hashCode() {
    return Objects.hash(rows, blocks);
  }

  @Override
  public String toString() {
    return "BlockSparseLayout["
        + (isFrames() ? queryFrames() + "x" + keyFrames() + " frames, " : heads() + " heads, ")
        + attended()
        + " attended]";
  }
}
