// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.BitSet;

/**
 * Radial Attention (Li et al., arXiv 2506.19852): the farther apart two frames are, the narrower
 * the diagonal band of patches that see each other, and beyond a distance only every {@code s}-th
 * frame is seen at all. One mask for all heads, over blocks of consecutive raster tokens.
 *
 * <p>Details follow the published implementation, its treatment of frames that begin within a block
 * included. The length is rounded up to whole blocks.
 *
 * @param block tokens per block; 128 as published
 * @param decay factor on the band's width; smaller is sparser
 * @param family which published variant
 */
public record RadialPattern(int block, double decay, Family family) implements StaticPattern {
  /** Bands narrower than this many tokens become strides over frames. */
  private static final int NARROWEST_BAND = 128;

  /** The two published variants. */
  public enum Family {
    /** Wan: every query sees the first frame. */
    WAN,
    /** HunyuanVideo: no frame is special. */
    HUNYUAN
  }

  /**
   * @throws IllegalArgumentException if block is below 1 or decay is not above 0
   */
  public RadialPattern {
    Checks.atLeast("block", block, 1);
    Checks.positive("decay", decay);
  }

  @Override
  public String name() {
    return "radial";
  }

  @Override
  public BlockMask mask(TokenGrid grid) {
    int blocks = Math.ceilDiv(grid.tokens(), block);
    BlockMask.checkSize(blocks, blocks);
    BitSet[] rows = new BitSet[blocks];
    // Text, and the block with the video's ragged end, see everything and are seen by everything.
    int whole = grid.videoTokens() / block;
    for (int row = 0; row < blocks; row++) {
      rows[row] = new BitSet(blocks);
      rows[row].set(row >= whole ? 0 : Math.min(whole, blocks), blocks);
    }
    for (int query = 0; query < grid.frames(); query++) {
      for (int key = 0; key < grid.frames(); key++) {
        addFramePair(rows, grid.frameTokens(), query, key);
      }
    }
    return BlockMask.uniform(grid.tokens(), block, (row, column) -> rows[row].get(column));
  }

  private void addFramePair(BitSet[] rows, int frameTokens, int query, int key) {
    int distance = Math.abs(query - key);
    int width = frameTokens;
    if (!(family == Family.WAN && key == 0)) {
      double length = Math.scalb(1.0, bitLength(frameTokens) - bitLength(distance));
      if (length < NARROWEST_BAND && distance % (long) (NARROWEST_BAND / length) != 0) {
        return;
      }
      if (distance > 1) {
        width = (int) Math.max(decay * length, block);
      }
    }
    long firstRow = (long) query * frameTokens / block;
    int rowOffset = (int) ((long) query * frameTokens % block);
    long firstColumn = (long) key * frameTokens / block;
    int columnOffset = (int) ((long) key * frameTokens % block);
    int blocksPerFrame = Math.ceilDiv(frameTokens, block);
    for (int b = 0; b < blocksPerFrame; b++) {
      int rowBegin = Math.max(0, b * block - rowOffset);
      int rowEnd = Math.min(frameTokens, (b + 1) * block - rowOffset);
      for (int c = 0; c < blocksPerFrame; c++) {
        int columnBegin = Math.max(0, c * block - columnOffset);
        int columnEnd = Math.min(frameTokens, (c + 1) * block - columnOffset);
        if (dense(rowBegin, rowEnd, columnBegin, columnEnd, width)) {
          rows[(int) firstRow + b].set((int) firstColumn + c);
        }
      }
    }
  }

  /**
   * Whether enough of a cell of blocks is visible: of the columns that any row sees, more than 60 %
   * must be seen by more than a third of a block's rows.
   */
  private boolean dense(int rowBegin, int rowEnd, int columnBegin, int columnEnd, int width) {
    int seen = 0;
    int wellSeen = 0;
    for (int column = columnBegin; column < columnEnd; column++) {
      int last = (int) Math.min((long) column + width, rowEnd - 1);
      int first = Math.max(column - width, rowBegin);
      int count = Math.max(0, last - first + 1);
      seen += count > 0 ? 1 : 0;
      wellSeen += 3 * count > block ? 1 : 0;
    }
    return seen > 0 && 5 * wellSeen > 3 * seen;
  }

  private static int bitLength(int number) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(number);
  }
}
