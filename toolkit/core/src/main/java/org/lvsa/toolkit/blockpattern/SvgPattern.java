// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.kernels.TokenOrders;

/**
 * Sparse VideoGen (Xi et al., arXiv 2502.01776): a band along the diagonal, with text and the first
 * frame as the family has it. Spatial heads run it in raster order, temporal heads after {@link
 * TokenGrid#patchMajor}.
 *
 * <p>The exact mask is one of tokens. {@link #mask} is the blocks that hold any of it, {@link
 * #fullBlocks} those that hold nothing else.
 *
 * @param family which published variant
 * @param kind what the head attends along
 * @param density the share of work that is asked for; the published code calls it sparsity
 * @param prompt valid text tokens of the room for text; HunyuanVideo only
 * @param block tokens per block
 * @param sink whether all queries see the first frame; CogVideoX only, Wan always does
 */
public record SvgPattern(
    Family family, Kind kind, double density, int prompt, int block, boolean sink)
    implements StaticPattern {
  /** The band's width is a multiple of this many tokens. */
  static final int GRAIN = 128;

  /** The published variants. */
  public enum Family {
    /** No text; the band is widened to whole grains, and every query sees the first frame. */
    WAN,
    /** Text behind the video, of which only the prompt is valid. */
    HYVIDEO,
    /** Text before the video. */
    COG
  }

  /** What a head attends along. */
  public enum Kind {
    /** Neighbours within frames: raster order. */
    SPATIAL,
    /** The same patch over time: patch after patch. */
    TEMPORAL
  }

  /**
   * @throws IllegalArgumentException if a number is out of range
   */
  public SvgPattern {
    Checks.atLeast("block", block, 1);
    Checks.atLeast("prompt", prompt, 0);
    Checks.share("density", density);
  }

  @Override
  public String name() {
    return "svg";
  }

  @Override
  public TokenOrder order(TokenGrid grid) {
    return kind == Kind.TEMPORAL ? grid.patchMajor() : TokenOrder.identity(grid.tokens());
  }

  /** Half the band's width in frames, from the wanted density as the published code derives it. */
  public double widthInFrames(TokenGrid grid) {
    long tokens = grid.tokens();
    long total = tokens * tokens;
    double video = (density * total - 2.0 * tokens * grid.text()) / total;
    return tokens * (1 - Math.sqrt(1 - video)) / grid.frameTokens();
  }

  private long width(TokenGrid grid) {
    double grains = widthInFrames(grid) * grid.frameTokens() / GRAIN;
    return (long) (family == Family.WAN ? Math.ceil(grains) : Math.floor(grains)) * GRAIN;
  }

  /**
   * The keys that a query sees, in the head's order of tokens.
   *
   * @return starts and ends of runs, ascending, ends excluded
   */
  public List<int[]> visible(TokenGrid grid, int query) {
    int tokens = grid.tokens();
    int video = grid.videoTokens();
    long width = width(grid);
    List<int[]> runs = new ArrayList<>();
    switch (family) {
      case WAN -> {
        add(runs, 0, grid.frameTokens());
        add(runs, Math.max(0, query - width), Math.min(tokens, query + width + 1));
      }
      case HYVIDEO -> {
        int valid = Math.min(video + prompt, tokens);
        if (query >= valid) {
          add(runs, valid, tokens);
        } else if (query >= video) {
          add(runs, 0, valid);
        } else {
          add(runs, Math.max(0, query - width + 1), Math.min(valid, query + width));
          add(runs, video, valid);
        }
      }
      case COG -> {
        if (query < grid.text()) {
          add(runs, 0, tokens);
        } else {
          add(runs, 0, grid.text() + (sink ? grid.frameTokens() : 0));
          add(runs, Math.max(0, query - width + 1), Math.min(tokens, query + width));
        }
      }
    }
    return runs;
  }

  /** Appends a run that starts no earlier than the last one; runs that meet become one. */
  private static void add(List<int[]> runs, long from, long to) {
    if (to <= from) {
      return;
    }
    if (!runs.isEmpty() && from <= runs.getLast()[1]) {
      int[] last = runs.getLast();
      last[0] = (int) Math.min(last[0], from);
      last[1] = (int) Math.max(last[1], to);
    } else {
      runs.add(new int[] {(int) from, (int) to});
    }
  }

  @Override
  public BlockMask mask(TokenGrid grid) {
    return TokenMasks.blocksWithAny(grid.tokens(), block, query -> visible(grid, query));
  }

  /** The blocks in which every query sees every key. */
  public BlockMask fullBlocks(TokenGrid grid) {
    return TokenMasks.fullBlocks(grid.tokens(), block, query -> visible(grid, query));
  }

  /**
   * The exact mask as a layout: blocks at the border of the band are attended to within the band
   * alone. A kernel that does not run bands computes about as much as {@link #mask} has.
   */
  public OrderedLayout exactLayout(TokenGrid grid) {
    return new OrderedLayout(
        BlockSparseLayout.ofBlocks(SvgBands.blocks(this, grid)), TokenOrders.of(order(grid)));
  }

  /** How far a key may be from a query in the band, −1 if there is no band. */
  int limit(TokenGrid grid) {
    long limit = family == Family.WAN ? width(grid) : width(grid) - 1;
    return (int) Math.min(limit, grid.tokens());
  }

  /** Whether a query sees a key if it is within the band; if not, the band does not matter. */
  boolean hasBand(TokenGrid grid, int query, int key) {
    return switch (family) {
      case WAN -> true;
      case HYVIDEO -> query < grid.videoTokens() && key < grid.videoTokens();
      case COG -> query >= grid.text();
    };
  }

  /** Tokens at which something begins that has nothing to do with the band. */
  List<Integer> borders(TokenGrid grid) {
    return switch (family) {
      case WAN -> List.of(grid.frameTokens());
      case HYVIDEO ->
          List.of(grid.videoTokens(), Math.min(grid.videoTokens() + prompt, grid.tokens()));
      case COG -> List.of(grid.text(), grid.text() + (sink ? grid.frameTokens() : 0));
    };
  }

  /** Visible pairs of tokens over all pairs: the density of the exact mask. */
  public double exactDensity(TokenGrid grid) {
    long visible = 0;
    for (int query = 0; query < grid.tokens(); query++) {
      for (int[] run : visible(grid, query)) {
        visible += run[1] - run[0];
      }
    }
    return visible / ((double) grid.tokens() * grid.tokens());
  }
}
