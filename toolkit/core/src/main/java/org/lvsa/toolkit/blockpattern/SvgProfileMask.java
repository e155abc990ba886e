// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.BitSet;

/**
 * The masks by which Sparse VideoGen judges whether a head is spatial or temporal: bands of blocks
 * of 128 tokens. They are emulations, coarser than the masks that run ({@link SvgPattern}).
 *
 * @param family which published variant
 * @param kind the hypothesis that the mask stands for
 */
public record SvgProfileMask(SvgPattern.Family family, SvgPattern.Kind kind) {

  /** The keys that a query sees, in the sequence's own order of tokens. */
  public BitSet visible(TokenGrid grid, int query) {
    return switch (family) {
      case WAN, HYVIDEO -> videoFirst(grid, query);
      case COG -> textFirst(grid, query);
    };
  }

  private BitSet videoFirst(TokenGrid grid, int query) {
    int video = grid.videoTokens();
    BitSet keys = new BitSet(grid.tokens());
    if (query >= video) {
      keys.set(0, grid.tokens());
      return keys;
    }
    addBand(keys, grid, query, 0);
    keys.set(video, grid.tokens());
    return keys;
  }

  /**
   * The published masks for CogVideoX, oddities included: the spatial band lies on absolute
   * positions as if there were no text before the video, and the temporal mask knows no text.
   */
  private BitSet textFirst(TokenGrid grid, int query) {
    int text = grid.text();
    BitSet keys = new BitSet(grid.tokens());
    if (kind == SvgPattern.Kind.TEMPORAL) {
      if (query >= text) {
        addBand(keys, grid, query - text, text);
      }
      return keys;
    }
    if (query < text) {
      keys.set(0, grid.tokens());
      return keys;
    }
    int blocks = Math.ceilDiv(grid.videoTokens(), SvgPattern.GRAIN);
    int block = query / SvgPattern.GRAIN;
    int width = width(grid);
    if (block < blocks && width > 0) {
      int from = Math.max(0, block - width + 1) * SvgPattern.GRAIN;
      int to = Math.min(blocks, block + width) * SvgPattern.GRAIN;
      keys.set(from, Math.min(to, grid.tokens()));
    }
    keys.set(0, text);
    return keys;
  }

  /** Adds the keys of a video token's band, each moved by {@code offset}. */
  private void addBand(BitSet keys, TokenGrid grid, int query, int offset) {
    int video = grid.videoTokens();
    int width = width(grid);
    int block = position(grid, query) / SvgPattern.GRAIN;
    boolean temporal = kind == SvgPattern.Kind.TEMPORAL;
    int from = Math.max(0, block - width + 1) * SvgPattern.GRAIN;
    int to = width == 0 ? 0 : Math.min(video, (block + width) * SvgPattern.GRAIN);
    for (int position = width == 0 ? to : from; position < to; position++) {
      keys.set(offset + (temporal ? token(grid, position) : position));
    }
    if (family == SvgPattern.Family.WAN) {
      for (int position = 0; position < grid.frameTokens(); position++) {
        keys.set(offset + (temporal ? token(grid, position) : position));
      }
    }
  }

  private int position(TokenGrid grid, int token) {
    return kind == SvgPattern.Kind.TEMPORAL
        ? token % grid.frameTokens() * grid.frames() + token / grid.frameTokens()
        : token;
  }

  private static int token(TokenGrid grid, int position) {
    return position % grid.frames() * grid.frameTokens() + position / grid.frames();
  }

  /** Blocks on each side of the diagonal, the diagonal's own included. */
  private int width(TokenGrid grid) {
    double frames = family == SvgPattern.Family.WAN ? 2 : 1.5;
    return (int) (frames * grid.frameTokens() / SvgPattern.GRAIN);
  }
}
