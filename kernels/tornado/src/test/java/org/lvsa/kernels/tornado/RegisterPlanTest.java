// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockRows;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.RandomProblem;
import org.lvsa.kernels.TokenBlocks;

class RegisterPlanTest {
  private final long seed = System.nanoTime() % 10_000_000;
  private final SplittableRandom random = new SplittableRandom(seed);

  /** 50 patches take 64 columns, 5 text tokens 32. */
  private static final AttentionShape SHAPE = new AttentionShape(1, 3, 50, 5, 1, 1, 128);

  @Test
  void columnsAreCountedPerStretch() {
    Columns frames = Columns.ofFrames(SHAPE);
    assertEquals(3 * 64 + 32, frames.count());
    assertEquals(64 + 49, frames.column(99));
    assertEquals(192 + 4, frames.column(154));
    assertEquals(128, frames.end(100));
    assertEquals(160, Columns.ofTokens(SHAPE).count());
    assertEquals(99, Columns.ofTokens(SHAPE).column(99));
  }

  @Test
  void aRunThatEndsWithinATileDoesNotFit() {
    Columns columns = Columns.ofFrames(SHAPE);
    assertTrue(columns.fits(new KeyRanges(0, 155, new int[] {50}, new int[] {105})));
    assertTrue(columns.fits(new KeyRanges(0, 155, new int[] {82}, new int[] {18})));
    assertFalse(columns.fits(new KeyRanges(0, 155, new int[] {50}, new int[] {49})));
    assertFalse(columns.fits(new KeyRanges(0, 155, new int[] {49}, new int[] {51})));
    assertFalse(columns.fits(new KeyRanges(0, 155, new int[] {150}, new int[] {4})));
    assertFalse(
        columns.fits(new KeyRanges(0, 155, new int[] {0}, new int[] {155}, new int[] {20})));
  }

  @Test
  void aGroupAloneIsATileWithItsRuns() {
    AttentionShape shape = new AttentionShape(1, 3, 50, 0, 1, 1, 128);
    BlockSparseLayout layout =
        BlockSparseLayout.of(3, new int[] {0, 2, 3, 5}, new int[] {0, 2, 1, 0, 1});
    RegisterPlan plan = plan(Columns.ofFrames(shape), KeyRanges.of(shape, layout));
    int[] warps = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    assertEquals(2, plan.tileCount());
    int[] first = Arrays.copyOf(plan.tiles(), RegisterKernels.tileNumbers(8));
    assertArrayEquals(numbers(new int[] {0, 2, 0, 0, 32, 100, 32, 18, 100}, warps), first);
    int[] second = Arrays.copyOfRange(plan.tiles(), first.length, 2 * first.length);
    // The second frame's keys are among the third one's: they share a tile, whose runs differ.
    int[] third = {100, 32, 100, 132, 18, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    assertArrayEquals(numbers(new int[] {2, 4, 64, 50, 32, 50, 82, 18, 50}, third), second);
    assertArrayEquals(new int[] {0, 2, 255, 128, 2, 255, 0, 2, 0b1100, 64, 2, 0b1111}, plan.runs());
  }

  private static int[] numbers(int[] first, int[] then) {
    return IntStream.concat(Arrays.stream(first), Arrays.stream(then)).toArray();
  }

  /** Wan at 480 x 832: a frame is 48.75 warps, and 81 of them 496 tiles instead of 567. */
  @Test
  void framesWithMostKeysInCommonShareTiles() {
    AttentionShape wan = new AttentionShape(1, 81, 1560, 0, 12, 12, 128);
    int[] indptr = new int[82];
    int[] indices = new int[81 * 21];
    for (int frame = 0; frame < 81; frame++) {
      // 14 frames for all, and a window of 7.
      int first = Math.max(14, Math.min(frame - 3, 74));
      for (int i = 0; i < 21; i++) {
        indices[frame * 21 + i] = i < 14 ? i : first + i - 14;
      }
      indptr[frame + 1] = 21 * (frame + 1);
    }
    BlockSparseLayout layout = BlockSparseLayout.of(81, indptr, indices);
    RegisterPlan plan = plan(Columns.ofFrames(wan), KeyRanges.of(wan, layout));
    assertEquals(496, plan.tileCount());
    assertTrue(RegisterTiles.Room.forFrames(wan).holds(RegisterTiles.Room.forPlans(List.of(plan))));
  }

  @Test
  void everyQueryHasItsKeysWithLayoutsOfFrames() {
    for (int round = 0; round < 20; round++) {
      AttentionShape shape =
          new AttentionShape(
              1, 1 + random.nextInt(12), 1 + random.nextInt(400), random.nextInt(70), 1, 1, 64);
      BlockSparseLayout layout = RandomProblem.layout(shape.latentFrames(), 0.6, random);
      List<KeyRanges> groups = KeyRanges.of(shape, layout);
      RegisterPlan plan = plan(Columns.ofFrames(shape), groups);
      compare(shape, Columns.ofFrames(shape), groups, plan);
      assertTrue(
          RegisterTiles.Room.forFrames(shape).holds(RegisterTiles.Room.forPlans(List.of(plan))),
          "seed " + seed + ", " + shape);
    }
  }

  @Test
  void everyQueryHasItsKeysWithLayoutsOfBlocks() {
    for (int size : new int[] {32, 64, 96, 128, 1024}) {
      AttentionShape shape = new AttentionShape(1, 9, 129, 7, 1, 1, 64);
      int blocks = Math.ceilDiv(shape.tokens(), size);
      TokenBlocks uniform =
          TokenBlocks.uniform(
              shape.tokens(), size, RandomProblem.rows(blocks, blocks, 0.7, random));
      List<KeyRanges> groups = KeyRanges.of(shape, BlockSparseLayout.ofBlocks(uniform));
      for (int warps : RegisterPlan.SIZES) {
        RegisterPlan plan =
            RegisterPlan.of(Columns.ofTokens(shape), List.of(groups), warps)
                .orElseThrow()
                .getFirst();
        compare(shape, Columns.ofTokens(shape), groups, plan);
      }
    }
  }

  /** Blocks with keys of their own get tiles of their size, others share tiles. */
  @Test
  void theSizeOfTilesFollowsTheLayout() {
    AttentionShape shape = new AttentionShape(1, 9, 1560, 0, 1, 1, 128);
    for (int size : new int[] {64, 128}) {
      int blocks = Math.ceilDiv(shape.tokens(), size);
      assertEquals(size / 32, warps(shape, size, RandomProblem.rows(blocks, blocks, 0.25, random)));
      int[] indptr = IntStream.rangeClosed(0, blocks).map(i -> i * (blocks / 4)).toArray();
      int[] near =
          IntStream.range(0, blocks * (blocks / 4))
              .map(
                  i ->
                      Math.clamp(i / (blocks / 4) - blocks / 8, 0, blocks - blocks / 4)
                          + i % (blocks / 4))
              .toArray();
      assertEquals(8, warps(shape, size, BlockRows.of(blocks, indptr, near)));
    }
  }

  private int warps(AttentionShape shape, int size, BlockRows rows) {
    BlockSparseLayout layout =
        BlockSparseLayout.ofBlocks(TokenBlocks.uniform(shape.tokens(), size, rows));
    List<List<KeyRanges>> groups = List.of(KeyRanges.of(shape, layout));
    TileRoom tiles = TileRoom.forGroups(shape, TensorCoreKernels.QUERIES, groups);
    return RegisterProgram.room(shape, DType.BF16, groups, tiles).orElseThrow().register().warps();
  }

  private static RegisterPlan plan(Columns columns, List<KeyRanges> groups) {
    return RegisterPlan.of(columns, List.of(groups), 8).orElseThrow().getFirst();
  }

  /** Compares the columns that each query attends to, and that each query has one warp. */
  private void compare(
      AttentionShape shape, Columns columns, List<KeyRanges> groups, RegisterPlan plan) {
    BitSet[] expected = new BitSet[shape.tokens()];
    for (KeyRanges group : groups) {
      BitSet keys = new BitSet();
      for (int i = 0; i < group.keyStarts().length; i++) {
        for (int key = 0; key < group.keyCounts()[i]; key++) {
          keys.set(columns.column(group.keyStarts()[i] + key));
        }
      }
      Arrays.fill(expected, group.firstQuery(), group.firstQuery() + group.queryCount(), keys);
    }
    BitSet real = new BitSet();
    for (int token = 0; token < shape.tokens(); token++) {
      real.set(columns.column(token));
    }
    boolean[] seen = new boolean[shape.tokens()];
    int size = RegisterKernels.tileNumbers(plan.warps());
    for (int tile = 0; tile < plan.tiles().length; tile += size) {
      for (int warp = 0; warp < plan.warps(); warp++) {
        int first = plan.tiles()[tile + 3 + 3 * warp];
        BitSet keys = keys(plan, tile, warp);
        keys.and(real);
        for (int query = first; query < first + plan.tiles()[tile + 4 + 3 * warp]; query++) {
          assertFalse(seen[query], "seed " + seed + ", query " + query);
          seen[query] = true;
          assertEquals(expected[query], keys, "seed " + seed + ", query " + query);
          assertEquals(expected[query].cardinality(), plan.tiles()[tile + 5 + 3 * warp]);
        }
      }
    }
    for (int query = 0; query < seen.length; query++) {
      assertTrue(seen[query], "seed " + seed + ", query " + query);
    }
  }

  private static BitSet keys(RegisterPlan plan, int tile, int warp) {
    BitSet keys = new BitSet();
    for (int run = plan.tiles()[tile]; run < plan.tiles()[tile + 1]; run++) {
      int first = plan.runs()[3 * run];
      if ((plan.runs()[3 * run + 2] >> warp & 1) == 1) {
        keys.set(first, first + RegisterKernels.KEYS * plan.runs()[3 * run + 1]);
      }
    }
    return keys;
  }
}
