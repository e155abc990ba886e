// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.Blocking.BLOCK;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.IntUnaryOperator;
import org.lvsa.kernels.KeyRanges;

/**
 * Queries that one thread computes together, so that a key is fetched from memory once for all of
 * them. That pays because neighbouring frames mostly attend to the same frames.
 *
 * @param segments the queries; all queries of a segment attend to the same keys
 * @param spans the keys that any segment attends to; spans that the same segments attend to follow
 *     one another
 */
record Chunk(List<Segment> segments, List<Span> spans) {
  /** The segments that attend to a span are bits of a long. */
  private static final int MOST_SEGMENTS = Long.SIZE;

  private static final int[] NO_LIMITS = {};

  /**
   * Consecutive queries with the same keys.
   *
   * @param firstQuery the first token
   * @param count number of tokens
   * @param firstBlock the block of the chunk in which the queries begin
   * @param keys the queries and the keys that they attend to
   */
  record Segment(int firstQuery, int count, int firstBlock, KeyRanges keys) {
    int blocks() {
      return Math.ceilDiv(count, BLOCK);
    }
  }

  /**
   * Consecutive keys.
   *
   * @param start the first token
   * @param count number of tokens
   * @param attending bit {@code s} is set if segment {@code s} attends to them
   * @param limits how far a key may be from a query of each segment, {@link KeyRanges#NO_LIMIT} if
   *     that does not matter; empty if it matters for no segment
   */
  record Span(int start, int count, long attending, int[] limits) {
    /** The limit for the queries of a segment. */
    int limit(int segment) {
      return limits.length == 0 ? KeyRanges.NO_LIMIT : limits[segment];
    }
  }

  /** Number of blocks of all segments together. */
  int blocks() {
    return segments.getLast().firstBlock() + segments.getLast().blocks();
  }

  /**
   * Cuts a problem's groups into chunks.
   *
   * @param most the most blocks of the next chunk, for the number of queries that are left
   */
  static List<Chunk> plan(List<KeyRanges> groups, IntUnaryOperator most) {
    List<Chunk> chunks = new ArrayList<>();
    List<Segment> segments = new ArrayList<>();
    int blocks = 0;
    int end = groups.getLast().firstQuery() + groups.getLast().queryCount();
    for (KeyRanges group : groups) {
      int count;
      for (int done = 0; done < group.queryCount(); done += count) {
        int left = group.queryCount() - done;
        int limit = most.applyAsInt(end - group.firstQuery() - done);
        // Of equal parts none is much smaller than the others.
        int parts = Math.ceilDiv(Math.ceilDiv(left, BLOCK), limit);
        count = Math.min(left, Math.ceilDiv(Math.ceilDiv(left, parts), BLOCK) * BLOCK);
        int needed = Math.ceilDiv(count, BLOCK);
        if (blocks > 0 && (blocks + needed > limit || segments.size() == MOST_SEGMENTS)) {
          chunks.add(new Chunk(List.copyOf(segments), spans(segments)));
          segments.clear();
          blocks = 0;
        }
        int first = group.firstQuery() + done;
        segments.add(new Segment(first, count, blocks, group.forQueries(first, count)));
        blocks += needed;
      }
    }
    chunks.add(new Chunk(List.copyOf(segments), spans(segments)));
    return chunks;
  }

  /** The union of the segments' keys, cut where the set of attending segments changes. */
  private static List<Span> spans(List<Segment> segments) {
    TreeSet<Integer> cuts = new TreeSet<>();
    for (Segment segment : segments) {
      KeyRanges ranges = segment.keys();
      for (int run = 0; run < ranges.keyStarts().length; run++) {
        cuts.add(ranges.keyStarts()[run]);
        cuts.add(ranges.keyStarts()[run] + ranges.keyCounts()[run]);
      }
    }
    int[] bounds = cuts.stream().mapToInt(Integer::intValue).toArray();
    long[] attending = new long[bounds.length];
    int[][] limits = new int[bounds.length][];
    for (int segment = 0; segment < segments.size(); segment++) {
      KeyRanges ranges = segments.get(segment).keys();
      int run = 0;
      for (int i = 0; i + 1 < bounds.length && run < ranges.keyStarts().length; i++) {
        if (bounds[i] >= ranges.keyStarts()[run] + ranges.keyCounts()[run]) {
          run++;
        }
        if (run < ranges.keyStarts().length && bounds[i] >= ranges.keyStarts()[run]) {
          attending[i] |= 1L << segment;
          if (ranges.limit(run) != KeyRanges.NO_LIMIT) {
            if (limits[i] == null) {
              limits[i] = new int[segments.size()];
              Arrays.fill(limits[i], KeyRanges.NO_LIMIT);
            }
            limits[i][segment] = ranges.limit(run);
          }
        }
      }
    }
    // Sums do not depend on the order of the keys, and only keys with the same readers fill a tile.
    Map<Long, List<Span>> byReaders = new LinkedHashMap<>();
    for (int i = 0; i + 1 < bounds.length; i++) {
      if (attending[i] != 0) {
        byReaders
            .computeIfAbsent(attending[i], readers -> new ArrayList<>())
            .add(
                new Span(
                    bounds[i],
                    bounds[i + 1] - bounds[i],
                    attending[i],
                    limits[i] == null ? NO_LIMITS : limits[i]));
      }
    }
    return byReaders.values().stream().flatMap(List::stream).toList();
  }
}
