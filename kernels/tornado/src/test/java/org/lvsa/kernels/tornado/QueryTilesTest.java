// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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

/** What the arrays for the device hold, and the room they need. Needs no device. */
class QueryTilesTest {

  /** The token at a column of the transposed keys, as the device's copy puts it there. */
  private static int tokenAt(AttentionShape shape, int column) {
    int oneCopy = QueryTiles.paddedTokens(shape);
    int at = column >= oneCopy ? column - oneCopy + 1 : column;
    int padded = QueryTiles.paddedPatches(shape);
    int paddedVideo = shape.latentFrames() * padded;
    return at >= paddedVideo
        ? shape.videoTokens() + at - paddedVideo
        : at / padded * shape.patchesPerFrame() + at % padded;
  }

  @Test
  void everyHeadFindsItsQueriesAndItsKeysAtEvenColumns() {
    long seed = KernelConformance.random().nextLong();
    SplittableRandom random = new SplittableRandom(seed);
    for (int trial = 0; trial < 60; trial++) {
      AttentionShape shape =
          new AttentionShape(
              1, random.nextInt(1, 8), random.nextInt(1, 50), random.nextInt(0, 60), 3, 1, 16);
      BlockSparseLayout layout =
          trial % 2 == 0
              ? RandomProblem.layout(shape.latentFrames(), random.nextDouble(), random)
              : BlockSparseLayout.ofBlocks(
                  IntStream.range(0, 3)
                      .mapToObj(h -> RandomProblem.ragged(shape.tokens(), 0.4, random))
                      .toList());
      List<List<KeyRanges>> groups = QueryTiles.groups(shape, layout);
      TileRoom frames = TileRoom.forFrames(shape, 64);
      TileRoom needed = TileRoom.forGroups(shape, 64, groups);
      if (layout.isFrames()) {
        assertTrue(frames.holds(needed), needed + " does not fit " + frames + ", seed " + seed);
      }
      TileRoom room = frames.with(needed);
      assertTrue(room.holds(needed) && room.holds(frames));
      QueryTiles tiles = QueryTiles.allocate(shape, 64, room);
      tiles.fill(shape, groups);
      for (int head = 0; head < 3; head++) {
        BitSet[] keys = new BitSet[shape.tokens()];
        int first = tiles.tiles().get(head);
        for (int tile = 0; tile < room.tiles(); tile++) {
          int at = first + 4 * tile;
          BitSet attended = new BitSet();
          for (int run = tiles.tiles().get(at + 2); run < tiles.tiles().get(at + 3); run++) {
            int token = tiles.runs().get(3 * run);
            int count = tiles.runs().get(3 * run + 1);
            int column = tiles.runs().get(3 * run + 2);
            assertEquals(0, column % 2, "seed " + seed);
            attended.set(token, token + count);
            for (int i = 0; i < count; i++) {
              assertEquals(token + i, tokenAt(shape, column + i), "seed " + seed);
            }
          }
          for (int q = 0; q < tiles.tiles().get(at + 1); q++) {
            keys[tiles.tiles().get(at) + q] = attended;
          }
        }
        for (KeyRanges group : KeyRanges.of(shape, layout, head)) {
          for (int q = 0; q < group.queryCount(); q++) {
            BitSet expected = new BitSet();
            for (int run = 0; run < group.keyStarts().length; run++) {
              int start = group.keyStarts()[run];
              expected.set(start, start + group.keyCounts()[run]);
            }
            assertEquals(expected, keys[group.firstQuery() + q], "seed " + seed);
          }
        }
      }
    }
  }

  @Test
  void roomGrowsInPowersOfTwoAndNeverShrinks() {
    TileRoom small = new TileRoom(1, 10, 100, false);
    TileRoom larger = small.with(new TileRoom(8, 33, 5, true));
    assertEquals(new TileRoom(8, 64, 100, true), larger);
    assertEquals(larger, larger.with(small));
    assertFalse(small.holds(larger));
    assertTrue(larger.holds(small));
  }
}
