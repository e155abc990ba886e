// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Layouts of token blocks: what they count, what they refuse, and the runs of keys they give. */
class BlockLayoutTest {

  /** The keys of each query, from the definition of the parts, token by token. */
  private static BitSet[] keys(TokenBlocks blocks, boolean bands) {
    BitSet[] keys = new BitSet[blocks.tokens()];
    BlockRows rows = blocks.rows();
    for (int row = 0; row < rows.rows(); row++) {
      for (int q = blocks.queryStart(row); q < blocks.queryStart(row + 1); q++) {
        keys[q] = new BitSet();
        for (int i = 0; i < rows.count(row); i++) {
          int column = rows.index(row, i);
          int start = blocks.keyStart(column);
          int end = blocks.keyStart(column + 1);
          for (int k = start; k < end; k++) {
            boolean attends =
                switch (rows.part(row, i)) {
                  case BlockPart.Full() -> true;
                  case BlockPart.Band(int limit) -> !bands || Math.abs(q - k) <= limit;
                  case BlockPart.Head(int count) -> k - start < count;
                  case BlockPart.Tail(int count) -> end - k <= count;
                };
            keys[q].set(k, attends);
          }
        }
      }
    }
    return keys;
  }

  private static TokenBlocks draw(int tokens, SplittableRandom random) {
    TokenBlocks full = RandomProblem.ragged(tokens, random.nextDouble(), random);
    BlockRows rows = full.rows();
    List<BlockPart> parts = new ArrayList<>();
    for (int column : rows.indices()) {
      int size = full.keySize(column);
      parts.add(
          switch (random.nextInt(4)) {
            case 0 -> BlockPart.FULL;
            case 1 -> new BlockPart.Head(random.nextInt(size + 1));
            case 2 -> new BlockPart.Tail(random.nextInt(size + 1));
            default -> new BlockPart.Band(random.nextInt(tokens));
          });
    }
    return TokenBlocks.of(
        IntStream.range(0, rows.rows()).map(full::querySize).toArray(),
        IntStream.range(0, rows.columns()).map(full::keySize).toArray(),
        BlockRows.of(rows.columns(), rows.indptr(), rows.indices(), parts));
  }

  private static BitSet keys(KeyRanges group) {
    BitSet keys = new BitSet();
    for (int run = 0; run < group.keyStarts().length; run++) {
      keys.set(group.keyStarts()[run], group.keyStarts()[run] + group.keyCounts()[run]);
    }
    return keys;
  }

  @Test
  void groupsHoldEveryQueryOnceWithExactlyItsKeys() {
    long seed = KernelConformance.random().nextLong();
    SplittableRandom random = new SplittableRandom(seed);
    for (int trial = 0; trial < 100; trial++) {
      int tokens = random.nextInt(1, 200);
      AttentionShape shape = new AttentionShape(1, tokens, 1, 0, 2, 1, 4);
      List<TokenBlocks> heads = List.of(draw(tokens, random), draw(tokens, random));
      BlockSparseLayout layout = BlockSparseLayout.ofBlocks(heads);
      long pairs = 0;
      for (int head = 0; head < 2; head++) {
        BitSet[] expected = keys(heads.get(head), true);
        BitSet[] whole = keys(heads.get(head), false);
        int next = 0;
        for (KeyRanges group : KeyRanges.of(shape, layout, head)) {
          assertEquals(next, group.firstQuery(), "seed " + seed);
          int part = 1 + random.nextInt(group.queryCount());
          KeyRanges some = group.forQueries(next, part);
          for (int q = next; q < next + part; q++) {
            assertEquals(expected[q], keys(some.forQuery(q)), "query " + q + ", seed " + seed);
          }
          next += group.queryCount();
          for (int q = group.firstQuery(); q < next; q++) {
            assertEquals(expected[q], keys(group.forQuery(q)), "query " + q + ", seed " + seed);
            pairs += group.forQuery(q).keys();
          }
        }
        assertEquals(tokens, next, "seed " + seed);
        long counted = IntStream.range(0, tokens).mapToLong(q -> expected[q].cardinality()).sum();
        assertEquals(counted, layout.attendedPairs(shape, head), "seed " + seed);
        for (KeyRanges group : KeyRanges.of(shape, layout.superset(), head)) {
          assertFalse(group.hasBands());
          for (int q = 0; q < group.queryCount(); q++) {
            assertEquals(whole[group.firstQuery() + q], keys(group), "seed " + seed);
          }
        }
      }
      assertEquals(pairs / 2.0 / tokens / tokens, layout.density(), 1e-12, "seed " + seed);
      assertEquals(4.0 * pairs * shape.headDim(), shape.flops(layout), 1e-3, "seed " + seed);
      assertTrue(layout.superset().density() >= layout.density());
      assertFalse(layout.superset().hasBands());
    }
  }

  @Test
  void framesAreBlocksOfTheirPatches() {
    SplittableRandom random = KernelConformance.random();
    AttentionShape shape = new AttentionShape(1, 7, 6, 0, 2, 1, 4);
    BlockSparseLayout frames = RandomProblem.layout(7, 0.4, random);
    BlockSparseLayout blocks =
        BlockSparseLayout.ofBlocks(TokenBlocks.uniform(42, 6, frames.rows(0)));
    List<KeyRanges> expected = KeyRanges.of(shape, frames);
    List<KeyRanges> actual = KeyRanges.of(shape, blocks);
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertEquals(expected.get(i).firstQuery(), actual.get(i).firstQuery());
      assertEquals(expected.get(i).queryCount(), actual.get(i).queryCount());
      assertEquals(keys(expected.get(i)), keys(actual.get(i)));
    }
    assertEquals(frames.density(), blocks.density(), 1e-12);
    assertEquals(shape.flops(frames), shape.flops(blocks));
  }

  /** A billion tokens: pairs are counted as long, and a dense matrix stores nothing. */
  @Test
  void hugeLayoutsAreCountedInLong() {
    int tokens = 2_000_000_000;
    AttentionShape shape = new AttentionShape(1, tokens, 1, 0, 8, 8, 1);
    int[] sizes = {tokens - 1, 1};
    BlockRows rows = BlockRows.of(2, new int[] {0, 1, 3}, new int[] {0, 0, 1});
    BlockSparseLayout layout = BlockSparseLayout.ofBlocks(TokenBlocks.of(sizes, sizes, rows));
    long pairs = (long) tokens * tokens - (tokens - 1);
    assertEquals(pairs, layout.attendedPairs(shape, 0));
    assertEquals(32.0 * pairs, shape.flops(layout), 1e6);
    BlockRows band =
        BlockRows.of(1, new int[] {0, 1}, new int[] {0}, List.of(new BlockPart.Band(1)));
    int[] all = {tokens};
    assertEquals(3L * tokens - 2, TokenBlocks.of(all, all, band).attendedPairs());
  }

  @Test
  void equalLayoutsAreEqualAndOthersAreNot() {
    BlockRows full = BlockRows.of(2, new int[] {0, 2, 3}, new int[] {0, 1, 1});
    BlockRows band =
        BlockRows.of(
            2,
            new int[] {0, 2, 3},
            new int[] {0, 1, 1},
            List.of(BlockPart.FULL, new BlockPart.Band(5), BlockPart.FULL));
    BlockSparseLayout one = BlockSparseLayout.ofBlocks(TokenBlocks.uniform(20, 10, full));
    BlockSparseLayout same = BlockSparseLayout.ofBlocks(TokenBlocks.uniform(20, 10, full));
    BlockSparseLayout other = BlockSparseLayout.ofBlocks(TokenBlocks.uniform(20, 10, band));
    assertEquals(one, same);
    assertEquals(one.hashCode(), same.hashCode());
    assertNotEquals(one, other);
    assertEquals(one, other.superset());
    assertNotEquals(one, BlockSparseLayout.ofBlocks(TokenBlocks.uniform(19, 10, full)));
    assertTrue(
        BlockSparseLayout.ofBlocks(
                TokenBlocks.uniform(
                    20, 10, BlockRows.of(2, new int[] {0, 2, 4}, new int[] {0, 1, 0, 1})))
            .isDense());
  }

  private static String refusal(Runnable work) {
    return assertThrows(IllegalArgumentException.class, work::run).getMessage();
  }

  @Test
  void whatDoesNotFitIsRefused() {
    BlockRows rows = BlockRows.of(2, new int[] {0, 1, 2}, new int[] {0, 1});
    assertEquals(
        "there are 1 and 2 blocks of queries and keys, the matrix is 2x2",
        refusal(() -> TokenBlocks.of(new int[] {5}, new int[] {2, 3}, rows)));
    assertEquals(
        "query blocks have 5 tokens together, key blocks 6",
        refusal(() -> TokenBlocks.of(new int[] {2, 3}, new int[] {3, 3}, rows)));
    assertEquals(
        "sizes of query blocks must be at least 0 and 2^31-1 at most together, got -1 for block 1",
        refusal(() -> TokenBlocks.of(new int[] {2, -1}, new int[] {1, 0}, rows)));
    assertEquals(
        "tokens and block size must be at least 1, got 5 and 0",
        refusal(() -> TokenBlocks.uniform(5, 0, rows)));
    assertEquals(
        "row 1 asks for 4 keys of key block 1, which has 3",
        refusal(
            () ->
                TokenBlocks.of(
                    new int[] {2, 3},
                    new int[] {2, 3},
                    BlockRows.of(
                        2,
                        new int[] {0, 1, 2},
                        new int[] {0, 1},
                        List.of(BlockPart.FULL, new BlockPart.Tail(4))))));
    assertEquals(
        "there must be one part per index (2) or none at all, got 1",
        refusal(
            () -> BlockRows.of(2, new int[] {0, 1, 2}, new int[] {0, 1}, List.of(BlockPart.FULL))));
    assertEquals("limit must be at least 0, got -3", refusal(() -> new BlockPart.Band(-3)));
    assertEquals(
        "a layout needs the blocks of at least one head, got 0",
        refusal(() -> BlockSparseLayout.ofBlocks(List.of())));
    assertEquals(
        "the blocks of head 0 have 5 tokens, those of head 1 have 6",
        refusal(
            () ->
                BlockSparseLayout.ofBlocks(
                    List.of(TokenBlocks.uniform(5, 3, rows), TokenBlocks.uniform(6, 3, rows)))));
    BlockSparseLayout two =
        BlockSparseLayout.ofBlocks(
            List.of(TokenBlocks.uniform(6, 3, rows), TokenBlocks.uniform(6, 3, rows)));
    assertEquals(
        "layout is for 6 tokens, the shape has 7",
        refusal(() -> two.check(new AttentionShape(1, 1, 6, 1, 2, 1, 4))));
    assertEquals(
        "layout is for 2 heads, the shape has 4",
        refusal(() -> two.check(new AttentionShape(1, 1, 5, 1, 4, 1, 4))));
    assertEquals(
        "the layout differs by head, and no head was named; it has 2",
        refusal(() -> KeyRanges.of(new AttentionShape(1, 1, 6, 0, 2, 1, 4), two)));
    assertThrows(IllegalStateException.class, two::queryFrames);
    assertThrows(IllegalStateException.class, () -> BlockSparseLayout.dense(3).blocks(0));
  }
}
