// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A group of consecutive query tokens that attend to the same keys, and those keys as runs of
 * consecutive tokens. A kernel that works through the groups never looks at frames or blocks.
 *
 * <p>A run may have a band: then each query attends only to the keys of the run that are near it. A
 * kernel that cannot do that takes the groups of {@link BlockSparseLayout#superset}, which have no
 * bands.
 *
 * @param firstQuery first query token
 * @param queryCount number of query tokens of the group
 * @param keyStarts first token of each run of keys, ascending
 * @param keyCounts number of tokens of each run
 * @param limits for each run, how far a key may be from a query that attends to it, {@code |q − k|
 *     ≤ limit}; {@link #NO_LIMIT} for a run without a band; empty if no run has one
 */
public record KeyRanges(
    int firstQuery, int queryCount, int[] keyStarts, int[] keyCounts, int[] limits) {
  /** The limit of a run without a band. */
  public static final int NO_LIMIT = Integer.MAX_VALUE;

  private static final int[] NONE = {};

  /** A group whose runs have no bands. */
  public KeyRanges(int firstQuery, int queryCount, int[] keyStarts, int[] keyCounts) {
    this(firstQuery, queryCount, keyStarts, keyCounts, NONE);
  }

  /**
   * The groups of a layout that is the same for all heads.
   *
   * @throws IllegalArgumentException if the layout has a matrix per head
   */
  public static List<KeyRanges> of(AttentionShape shape, BlockSparseLayout layout) {
    if (layout.heads() > 1) {
      throw new IllegalArgumentException(
          "the layout differs by head, and no head was named; it has " + layout.heads());
    }
    return of(shape, layout, 0);
  }

  /**
   * Divides a query head's problem into groups that hold every query once, in ascending order.
   * Neighbouring blocks of queries that attend to the same keys share a group, so that a dense
   * layout is one group. Neighbouring attended blocks of keys share a run. With a layout of frames,
   * text queries are a group of their own that attends to every token.
   */
  public static List<KeyRanges> of(AttentionShape shape, BlockSparseLayout layout, int head) {
    List<KeyRanges> groups = new ArrayList<>();
    BlockRows rows = layout.rows(head);
    if (!layout.isFrames() && rows.isDense()) {
      return List.of(new KeyRanges(0, shape.tokens(), new int[] {0}, new int[] {shape.tokens()}));
    }
    for (int row = 0; row < rows.rows(); ) {
      int next = row + 1;
      while (next < rows.rows() && rows.sameRow(row, next)) {
        next++;
      }
      KeyRanges group =
          layout.isFrames()
              ? ofFrames(shape, rows, row, next)
              : ofBlocks(layout.blocks(head), row, next);
      if (group.queryCount() > 0) {
        groups.add(group);
      }
      row = next;
    }
    if (layout.isFrames() && shape.textTokens() > 0) {
      groups.add(
          new KeyRanges(
              shape.videoTokens(), shape.textTokens(), new int[] {0}, new int[] {shape.tokens()}));
    }
    return groups;
  }

  /** Number of keys of all runs, which is the most that a query of the group attends to. */
  public int keys() {
    int sum = 0;
    for (int count : keyCounts) {
      sum += count;
    }
    return sum;
  }

  /** The band's limit of a run, or {@link #NO_LIMIT}. */
  public int limit(int run) {
    return limits.length == 0 ? NO_LIMIT : limits[run];
  }

  /** Whether any run has a band. */
  public boolean hasBands() {
    return limits.length > 0;
  }

  /** The keys of one query of the group alone, without bands. */
  public KeyRanges forQuery(int query) {
    return forQueries(query, 1);
  }

  /**
   * A part of the group with the keys that its queries see. A run keeps its band only where that
   * still matters.
   */
  public KeyRanges forQueries(int first, int count) {
    if (!hasBands()) {
      return new KeyRanges(first, count, keyStarts, keyCounts);
    }
    Runs runs = new Runs();
    for (int run = 0; run < keyStarts.length; run++) {
      if (limits[run] == NO_LIMIT) {
        runs.add(keyStarts[run], keyCounts[run], NO_LIMIT);
      } else {
        runs.addBand(first, first + count, keyStarts[run], keyCounts[run], limits[run]);
      }
    }
    return runs.group(first, count);
  }

  private static KeyRanges ofFrames(AttentionShape shape, BlockRows rows, int frame, int next) {
    int patches = shape.patchesPerFrame();
    Runs runs = new Runs();
    if (rows.isDense()) {
      runs.add(0, shape.videoTokens(), NO_LIMIT);
    }
    for (int i = 0; !rows.isDense() && i < rows.count(frame); i++) {
      runs.add(rows.index(frame, i) * patches, patches, NO_LIMIT);
    }
    runs.add(shape.videoTokens(), shape.textTokens(), NO_LIMIT);
    return runs.group(frame * patches, (next - frame) * patches);
  }

  private static KeyRanges ofBlocks(TokenBlocks blocks, int row, int next) {
    int first = blocks.queryStart(row);
    int end = blocks.queryStart(next);
    BlockRows rows = blocks.rows();
    Runs runs = new Runs();
    for (int i = 0; i < rows.count(row) && first < end; i++) {
      int start = blocks.keyStart(rows.index(row, i));
      int size = blocks.keySize(rows.index(row, i));
      switch (rows.part(row, i)) {
        case BlockPart.Full() -> runs.add(start, size, NO_LIMIT);
        case BlockPart.Head(int keys) -> runs.add(start, keys, NO_LIMIT);
        case BlockPart.Tail(int keys) -> runs.add(start + size - keys, keys, NO_LIMIT);
        case BlockPart.Band(int limit) -> runs.addBand(first, end, start, size, limit);
      }
    }
    return runs.group(first, end - first);
  }

  /** Runs of keys, joined where they meet. */
  private static final class Runs {
    private int[] starts = new int[8];
    private int[] counts = new int[8];
    private int[] limits = new int[8];
    private int size;
    private boolean bands;

    void add(int start, int count, int limit) {
      if (count == 0) {
        return;
      }
      int last = size - 1;
      if (size > 0 && starts[last] + counts[last] == start && limits[last] == limit) {
        counts[last] += count;
        return;
      }
      if (size == starts.length) {
        starts = Arrays.copyOf(starts, 2 * size);
        counts = Arrays.copyOf(counts, 2 * size);
        limits = Arrays.copyOf(limits, 2 * size);
      }
      starts[size] = start;
      counts[size] = count;
      limits[size++] = limit;
      bands |= limit != NO_LIMIT;
    }

    /** Adds what queries from {@code first} to before {@code end} see of a run with a band. */
    void addBand(int first, int end, int start, int count, int limit) {
      long from = Math.max(start, (long) first - limit);
      long to = Math.min((long) start + count, (long) end + limit);
      if (from < to) {
        boolean whole = end - 1 - from <= limit && to - 1 - first <= limit;
        add((int) from, (int) (to - from), whole ? NO_LIMIT : limit);
      }
    }

    KeyRanges group(int firstQuery, int queryCount) {
      return new KeyRanges(
          firstQuery,
          queryCount,
          Arrays.copyOf(starts, size),
          Arrays.copyOf(counts, size),
          bands ? Arrays.copyOf(limits, size) : NONE);
    }
  }
}
