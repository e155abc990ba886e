// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.RandomProblem;

class ChunkTest {

  @Test
  void everyQueryIsInOneChunkWithExactlyItsKeys() {
    SplittableRandom random = KernelConformance.random();
    for (int trial = 0; trial < 100; trial++) {
      int frames = random.nextInt(1, 20);
      AttentionShape shape =
          new AttentionShape(1, frames, random.nextInt(1, 90), random.nextInt(0, 2) * 7, 1, 1, 16);
      BlockSparseLayout layout = RandomProblem.layout(frames, random.nextDouble(), random);
      List<KeyRanges> groups = KeyRanges.of(shape, layout);
      int most = random.nextInt(1, 12);
      int next = 0;
      for (Chunk chunk : Chunk.plan(groups, left -> Math.clamp(left / 50, 1, most))) {
        assertTrue(chunk.blocks() <= most);
        for (int s = 0; s < chunk.segments().size(); s++) {
          Chunk.Segment segment = chunk.segments().get(s);
          assertEquals(next, segment.firstQuery(), "queries follow one another");
          next += segment.count();
          assertEquals(keysOf(groups, segment.firstQuery()), keysOf(chunk, s));
        }
      }
      assertEquals(shape.tokens(), next);
    }
  }

  /** As many queries as a sequence can have: adding a chunk's to the last one overflows an int. */
  @Test
  void theLongestSequenceIsCut() {
    KeyRanges all =
        new KeyRanges(0, Integer.MAX_VALUE, new int[] {0}, new int[] {Integer.MAX_VALUE});
    List<Chunk> chunks = Chunk.plan(List.of(all), left -> 512);
    Chunk.Segment last = chunks.getLast().segments().getLast();
    assertEquals(Integer.MAX_VALUE, last.firstQuery() + last.count());
  }

  @Test
  void spansWithTheSameReadersStandTogether() {
    SplittableRandom random = KernelConformance.random();
    AttentionShape shape = new AttentionShape(1, 30, 3, 0, 1, 1, 16);
    List<KeyRanges> groups = KeyRanges.of(shape, RandomProblem.layout(30, 0.5, random));
    for (Chunk chunk : Chunk.plan(groups, left -> 4)) {
      long runs =
          1
              + IntStream.range(1, chunk.spans().size())
                  .filter(
                      i -> chunk.spans().get(i).attending() != chunk.spans().get(i - 1).attending())
                  .count();
      long readers = chunk.spans().stream().mapToLong(Chunk.Span::attending).distinct().count();
      assertEquals(readers, runs);
    }
  }

  /** The threads end together: what is taken last is small, and all heads are there. */
  @Test
  void chunksShrinkTowardsTheEnd() {
    AttentionShape shape = new AttentionShape(2, 40, 96, 0, 3, 3, 16);
    int most = 16;
    ChunkList chunks = ChunkList.plan(shape, BlockSparseLayout.dense(40), most * Blocking.BLOCK, 2);
    long queries = 0;
    for (long i = 0; i < chunks.total(); i++) {
      assertTrue(chunks.chunk(i).blocks() <= most);
      queries += chunks.chunk(i).segments().stream().mapToLong(Chunk.Segment::count).sum();
    }
    assertEquals(2L * 3 * shape.tokens(), queries);
    assertEquals(2, chunks.head(chunks.total() - 1));
    assertTrue(chunks.chunk(chunks.total() - 1).blocks() <= 4);
    assertTrue(chunks.chunk(0).blocks() > most / 2);
  }

  private static BitSet keysOf(List<KeyRanges> groups, int query) {
    BitSet keys = new BitSet();
    for (KeyRanges group : groups) {
      if (group.firstQuery() <= query && query < group.firstQuery() + group.queryCount()) {
        for (int run = 0; run < group.keyStarts().length; run++) {
          keys.set(group.keyStarts()[run], group.keyStarts()[run] + group.keyCounts()[run]);
        }
      }
    }
    return keys;
  }

  private static BitSet keysOf(Chunk chunk, int segment) {
    BitSet keys = new BitSet();
    for (Chunk.Span span : chunk.spans()) {
      if ((span.attending() & 1L << segment) != 0) {
        assertTrue(keys.get(span.start(), span.start() + span.count()).isEmpty(), "keys once");
        keys.set(span.start(), span.start() + span.count());
      }
    }
    return keys;
  }
}
