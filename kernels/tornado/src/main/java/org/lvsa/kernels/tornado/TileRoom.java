// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.KeyRanges;

/**
 * How large a layout the buffers of a program hold. A program is made with room for every layout of
 * frames of its shape. A layout of token blocks that needs more gets a new program with room for
 * it, which TornadoVM compiles; the room grows in powers of two, so that this seldom happens.
 *
 * @param lists number of lists of tiles: 1, or one per query head
 * @param tiles number of tiles of each list
 * @param runs number of runs of keys of all lists together
 * @param oddRuns whether runs may start at an odd column of the transposed keys
 */
record TileRoom(int lists, long tiles, long runs, boolean oddRuns) {

  /**
   * Room for any layout of frames: at worst every frame is a group of its own, every attended frame
   * is a run of its own, and the text is one more of each.
   */
  static TileRoom forFrames(AttentionShape shape, int queriesPerTile) {
    return new TileRoom(
        1,
        (long) shape.latentFrames() * Math.ceilDiv(shape.patchesPerFrame(), queriesPerTile)
            + Math.ceilDiv(shape.textTokens(), queriesPerTile),
        (shape.latentFrames() + 1L) * (shape.latentFrames() + 1L),
        false);
  }

  /** What one layout needs, given the groups of each of its matrices. */
  static TileRoom forGroups(
      AttentionShape shape, int queriesPerTile, List<List<KeyRanges>> groups) {
    long most = 0;
    long runs = 0;
    boolean odd = false;
    int patches = shape.patchesPerFrame();
    boolean splits = QueryTiles.paddedPatches(shape) != patches;
    for (List<KeyRanges> list : groups) {
      long tiles = 0;
      for (KeyRanges group : list) {
        tiles += Math.ceilDiv(group.queryCount(), queriesPerTile);
        for (int i = 0; i < group.keyStarts().length; i++) {
          int start = group.keyStarts()[i];
          int last = start + group.keyCounts()[i] - 1;
          // A run is cut where a frame ends; the text is cut as one frame more.
          runs += 1 + (splits ? frame(shape, last) - frame(shape, start) : 0);
          int within = start < shape.videoTokens() ? start % patches : start - shape.videoTokens();
          odd |= within % 2 == 1;
        }
      }
      most = Math.max(most, tiles);
    }
    return new TileRoom(groups.size(), most, runs, odd);
  }

  private static int frame(AttentionShape shape, int token) {
    return Math.min(token, shape.videoTokens()) / shape.patchesPerFrame();
  }

  /** Whether a layout that needs {@code other} fits. */
  boolean holds(TileRoom other) {
    return lists >= other.lists
        && tiles >= other.tiles
        && runs >= other.runs
        && (oddRuns || !other.oddRuns);
  }

  /** Room for what fits here and for what fits there. */
  TileRoom with(TileRoom other) {
    return new TileRoom(
        Math.max(lists, other.lists),
        tiles >= other.tiles ? tiles : grown(other.tiles),
        runs >= other.runs ? runs : grown(other.runs),
        oddRuns || other.oddRuns);
  }

  private static long grown(long needed) {
    return Math.max(needed, Long.highestOneBit(needed) << 1);
  }
}
