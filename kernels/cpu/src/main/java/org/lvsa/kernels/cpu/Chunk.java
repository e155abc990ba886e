// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.Lanes.BLOCK;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
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

  /**
   * Consecutive queries with the same keys.
   *
   * @param firstQuery the first token
   * @param count number of tokens
   * @param firstBlock the block of the chunk in which the queries begin
   */
  record Segment(int firstQuery, int count, int firstBlock) {
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
   */
  record Span(int start, int count, long attending) {}

  /** Number of blocks of all segments together. */
  int blocks() {
    return segments.getLast().firstBlock() + segments.getLast().blocks();
  }

  /** Cuts a problem's groups into chunks of at most {@code most} queries, a multiple of BLOCK. */
  static List<Chunk> plan(List<KeyRanges> groups, int most) {
    List<Chunk> chunks = new ArrayList<>();
    List<Segment> segments = new ArrayList<>();
    List<KeyRanges> keys = new ArrayList<>();
    int blocks = 0;
    for (KeyRanges group : groups) {
      int parts = Math.ceilDiv(group.queryCount(), most);
      int share = Math.ceilDiv(Math.ceilDiv(group.queryCount(), parts), BLOCK) * BLOCK;
      for (int left = group.queryCount(); left > 0; left -= share) {
        int done = group.queryCount() - left;
        int count = Math.min(share, left);
        int needed = Math.ceilDiv(count, BLOCK);
        if ((blocks + needed) * BLOCK > most || segments.size() == MOST_SEGMENTS) {
          chunks.add(new Chunk(List.copyOf(segments), spans(keys)));
          segments.clear();
          keys.clear();
          blocks = 0;
        }
        segments.add(new Segment(group.firstQuery() + done, count, blocks));
        keys.add(group);
        blocks += needed;
      }
    }
    chunks.add(new Chunk(List.copyOf(segments), spans(keys)));
    return chunks;
  }

  /** The union of the segments' keys, cut where the set of attending segments changes. */
  private static List<Span> spans(List<KeyRanges> keys) {
    TreeSet<Integer> cuts = new TreeSet<>();
    for (KeyRanges ranges : keys) {
      for (int run = 0; run < ranges.keyStarts().length; run++) {
        cuts.add(ranges.keyStarts()[run]);
        cuts.add(ranges.keyStarts()[run] + ranges.keyCounts()[run]);
      }
    }
    int[] bounds = cuts.stream().mapToInt(Integer::intValue).toArray();
    long[] attending = new long[bounds.length];
    for (int segment = 0; segment < keys.size(); segment++) {
      KeyRanges ranges = keys.get(segment);
      int run = 0;
      for (int i = 0; i + 1 < bounds.length && run < ranges.keyStarts().length; i++) {
        if (bounds[i] >= ranges.keyStarts()[run] + ranges.keyCounts()[run]) {
          run++;
        }
        if (run < ranges.keyStarts().length && bounds[i] >= ranges.keyStarts()[run]) {
          attending[i] |= 1L << segment;
        }
      }
    }
    // Sums do not depend on the order of the keys, and only keys with the same readers fill a tile.
    Map<Long, List<Span>> byReaders = new LinkedHashMap<>();
    for (int i = 0; i + 1 < bounds.length; i++) {
      if (attending[i] != 0) {
        byReaders
            .computeIfAbsent(attending[i], readers -> new ArrayList<>())
            .add(new Span(bounds[i], bounds[i + 1] - bounds[i], attending[i]));
      }
    }
    return byReaders.values().stream().flatMap(List::stream).toList();
  }
}
