// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.AttentionShape;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link RegisterPlan}s as {@link RegisterKernels} reads them. The arrays have room for more than
 * one layout, so that another layout needs no new buffers. Tiles that a layout does not need hold
 * no query.
 *
 * @param tiles for each query head, where its tiles begin in this array; then the numbers of the
 *     tiles
 * @param runs the numbers of the runs
 * @param room what fits
 */
record RegisterTiles(IntArray tiles, IntArray runs, Room room) {
  /**
   * How many plans fit.
   *
   * @param warps of a tile of these plans
   * @param lists number of plans: 1, or one per query head
   * @param tiles tiles of each plan
   * @param runs runs of all plans together
   */
  record Room(int warps, int lists, long tiles, long runs) {
    /**
     * Room for any layout of frames: at worst each frame and the text attend to runs of single
     * frames, and each shares a tile with the next, whose runs are cut anew.
     */
    static Room forFrames(AttentionShape shape) {
      long stretches = shape.latentFrames() + 1L;
      int queries = RegisterPlan.MOST_WARPS * RegisterKernels.WARP_QUERIES;
      return new Room(
          RegisterPlan.MOST_WARPS,
          1,
          (long) shape.latentFrames() * Math.ceilDiv(shape.patchesPerFrame(), queries)
              + Math.ceilDiv(shape.textTokens(), queries),
          2 * stretches * stretches);
    }

    /** What the plans of a layout need. */
    static Room forPlans(List<RegisterPlan> plans) {
      return new Room(
          plans.getFirst().warps(),
          plans.size(),
          plans.stream().mapToLong(RegisterPlan::tileCount).max().orElse(0),
          plans.stream().mapToLong(RegisterPlan::runCount).sum());
    }

    boolean holds(Room other) {
      return warps == other.warps
          && lists >= other.lists
          && tiles >= other.tiles
          && runs >= other.runs;
    }

    /**
     * Room for what fits here and, where tiles are the same, for what fits there; what grows, grows
     * to a power of two.
     */
    Room with(Room other) {
      if (warps != other.warps) {
        return this;
      }
      return new Room(
          warps,
          Math.max(lists, other.lists),
          tiles >= other.tiles ? tiles : grown(other.tiles),
          runs >= other.runs ? runs : grown(other.runs));
    }

    private static long grown(long needed) {
      return Math.max(needed, Long.highestOneBit(needed) << 1);
    }

    /** Threads of a work-group. */
    int threads() {
      return 32 * warps;
    }

    private long tileNumbers(int heads) {
      return heads + RegisterKernels.tileNumbers(warps) * tiles * lists;
    }

    /** Whether TornadoVM's arrays, which count elements as int, hold it. */
    boolean fitsArrays(AttentionShape shape) {
      return tileNumbers(shape.heads()) <= Integer.MAX_VALUE
          && 3 * runs <= Integer.MAX_VALUE
          // Two work-groups a tile where numbers are float32.
          && 2 * tiles * threads() <= Integer.MAX_VALUE;
    }

    /** Number of bytes of the two arrays. */
    long bytes(AttentionShape shape) {
      return Integer.BYTES * (tileNumbers(shape.heads()) + 3 * runs);
    }
  }

  static RegisterTiles allocate(AttentionShape shape, Room room) {
    return new RegisterTiles(
        new IntArray(Math.toIntExact(room.tileNumbers(shape.heads()))),
        new IntArray(Math.toIntExact(3 * room.runs())),
        room);
  }

  /** Writes plans that fit the room: one for all heads, or one per head. */
  void fill(AttentionShape shape, List<RegisterPlan> plans) {
    int run = 0;
    for (int list = 0; list < plans.size(); list++) {
      RegisterPlan plan = plans.get(list);
      int numbers = Math.toIntExact(RegisterKernels.tileNumbers(room.warps()) * room.tiles());
      int first = shape.heads() + numbers * list;
      for (int i = 0; i < numbers; i++) {
        int number = i < plan.tiles().length ? plan.tiles()[i] : 0;
        boolean isRun = i % RegisterKernels.tileNumbers(room.warps()) < 2;
        tiles.set(first + i, isRun ? run + number : number);
      }
      for (int i = 0; i < plan.runs().length; i++) {
        runs.set(3 * run + i, plan.runs()[i]);
      }
      run += plan.runCount();
      for (int head = 0; head < shape.heads(); head++) {
        if (plans.size() == 1 || head == list) {
          tiles.set(head, first);
        }
      }
    }
  }
}
