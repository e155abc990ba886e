// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KeyRanges;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A layout as the device kernels read it: tiles of queries, and the runs of keys that each tile
 * attends to. The arrays have room for any layout of a shape, so that another layout needs no new
 * buffers. Tiles that a layout does not need hold no query.
 *
 * <p>A run names its first key twice: as a token, and as a column of the transposed keys. There
 * every frame starts at a multiple of {@link #PADDING}, so that its columns can be copied in words.
 * If the patches per frame are not such a multiple, no run is longer than a frame.
 *
 * @param tiles four numbers per tile: first query, number of queries, first run, run after the last
 * @param runs three numbers per run: first token, number of tokens, first padded column
 * @param queriesPerTile the most queries of a tile
 */
record QueryTiles(IntArray tiles, IntArray runs, int queriesPerTile) {
  /** Columns of the transposed keys that a frame's length is rounded up to. */
  static final int PADDING = 8;

  static QueryTiles allocate(AttentionShape shape, int queriesPerTile) {
    return new QueryTiles(
        new IntArray(Math.toIntExact(4 * count(shape, queriesPerTile))),
        new IntArray(Math.toIntExact(3 * runs(shape))),
        queriesPerTile);
  }

  /**
   * Number of runs that is enough for any layout of the shape: at worst every frame is a group of
   * its own, every attended frame is a run of its own, and the text is one more of each.
   */
  static long runs(AttentionShape shape) {
    return (shape.latentFrames() + 1L) * (shape.latentFrames() + 1L);
  }

  /** Number of bytes of the two arrays. */
  static long bytes(AttentionShape shape, int queriesPerTile) {
    return Integer.BYTES * (4 * count(shape, queriesPerTile) + 3 * runs(shape));
  }

  /** Number of tiles that is enough for any layout of the shape. */
  static long count(AttentionShape shape, int queriesPerTile) {
    return (long) shape.latentFrames() * Math.ceilDiv(shape.patchesPerFrame(), queriesPerTile)
        + Math.ceilDiv(shape.textTokens(), queriesPerTile);
  }

  /** Number of columns per frame in the transposed keys. */
  static int paddedPatches(AttentionShape shape) {
    return Math.ceilDiv(shape.patchesPerFrame(), PADDING) * PADDING;
  }

  /** Number of columns per head in the transposed keys, without room for reading beyond the end. */
  static int paddedTokens(AttentionShape shape) {
    return shape.latentFrames() * paddedPatches(shape)
        + Math.ceilDiv(shape.textTokens(), PADDING) * PADDING;
  }

  /** Writes a layout into the arrays. */
  void fill(AttentionShape shape, BlockSparseLayout layout) {
    int tile = 0;
    int run = 0;
    for (KeyRanges group : KeyRanges.of(shape, layout)) {
      int firstRun = run;
      for (int i = 0; i < group.keyStarts().length; i++) {
        run = addRuns(shape, run, group.keyStarts()[i], group.keyCounts()[i]);
      }
      for (int done = 0; done < group.queryCount(); done += queriesPerTile, tile++) {
        tiles.set(4 * tile, group.firstQuery() + done);
        tiles.set(4 * tile + 1, Math.min(queriesPerTile, group.queryCount() - done));
        tiles.set(4 * tile + 2, firstRun);
        tiles.set(4 * tile + 3, run);
      }
    }
    for (; tile < tiles.getSize() / 4; tile++) {
      for (int i = 0; i < 4; i++) {
        tiles.set(4 * tile + i, 0);
      }
    }
  }

  private int addRuns(AttentionShape shape, int run, int token, int count) {
    int patches = shape.patchesPerFrame();
    int padded = paddedPatches(shape);
    if (patches == padded) {
      return addRun(run, token, count, token);
    }
    int next = run;
    for (int at = token; at < token + count; ) {
      boolean text = at >= shape.videoTokens();
      int frame = at / patches;
      int end = text ? token + count : Math.min((frame + 1) * patches, token + count);
      int column =
          text
              ? shape.latentFrames() * padded + at - shape.videoTokens()
              : frame * padded + at - frame * patches;
      next = addRun(next, at, end - at, column);
      at = end;
    }
    return next;
  }

  private int addRun(int run, int token, int count, int column) {
    runs.set(3 * run, token);
    runs.set(3 * run + 1, count);
    runs.set(3 * run + 2, column);
    return run + 1;
  }
}
