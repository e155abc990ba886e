// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KeyRanges;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A layout as the device kernels read it: tiles of queries, and the runs of keys that each tile
 * attends to. The arrays have room for any layout of the {@link TileRoom} that they were made for,
 * so that another layout needs no new buffers. Tiles that a layout does not need hold no query.
 *
 * <p>A run names its first key twice: as a token, and as a column of the transposed keys. There
 * every frame starts at a multiple of {@link #PADDING}, so that its columns can be copied in words.
 * If the patches per frame are not such a multiple, no run is longer than a frame. A run of a
 * layout of blocks may start at an odd column; its column is then one of the second copy of the
 * keys, which is shifted by one, see {@link Layouts#transposeKeys}.
 *
 * @param tiles for each query head, where its tiles begin in this array; then four numbers per
 *     tile: first query, number of queries, first run, run after the last
 * @param runs three numbers per run: first token, number of tokens, first padded column
 * @param queriesPerTile the most queries of a tile
 * @param room what fits
 */
record QueryTiles(IntArray tiles, IntArray runs, int queriesPerTile, TileRoom room) {
  /** Columns of the transposed keys that a frame's length is rounded up to. */
  static final int PADDING = 8;

  static QueryTiles allocate(AttentionShape shape, int queriesPerTile, TileRoom room) {
    return new QueryTiles(
        new IntArray(Math.toIntExact(shape.heads() + 4 * room.tiles() * room.lists())),
        new IntArray(Math.toIntExact(3 * room.runs())),
        queriesPerTile,
        room);
  }

  /**
   * All queries of a sequence against other keys, those of a text: one group whose tiles never
   * change.
   *
   * @param shape of the queries
   * @param keys how many keys there are
   */
  static QueryTiles cross(AttentionShape shape, int queriesPerTile, int keys) {
    QueryTiles made =
        allocate(
            shape,
            queriesPerTile,
            new TileRoom(1, Math.ceilDiv(shape.tokens(), queriesPerTile), 1, false));
    for (int head = 0; head < shape.heads(); head++) {
      made.tiles.set(head, shape.heads());
    }
    for (int done = 0, at = shape.heads(); done < shape.tokens(); done += queriesPerTile, at += 4) {
      made.tiles.set(at, done);
      made.tiles.set(at + 1, Math.min(queriesPerTile, shape.tokens() - done));
      made.tiles.set(at + 2, 0);
      made.tiles.set(at + 3, 1);
    }
    made.runs.set(0, 0);
    made.runs.set(1, keys);
    made.runs.set(2, 0);
    return made;
  }

  /** Number of bytes of the two arrays. */
  static long bytes(AttentionShape shape, TileRoom room) {
    return Integer.BYTES * (shape.heads() + 4 * room.tiles() * room.lists() + 3 * room.runs());
  }

  /** Number of columns per frame in the transposed keys. */
  static int paddedPatches(AttentionShape shape) {
    return Math.ceilDiv(shape.patchesPerFrame(), PADDING) * PADDING;
  }

  /** Number of columns of one copy of a head's transposed keys. */
  static int paddedTokens(AttentionShape shape) {
    return shape.latentFrames() * paddedPatches(shape)
        + Math.ceilDiv(shape.textTokens(), PADDING) * PADDING;
  }

  /** The groups of each matrix of a layout, with bands as full blocks. */
  static List<List<KeyRanges>> groups(AttentionShape shape, BlockSparseLayout layout) {
    BlockSparseLayout whole = layout.superset();
    return IntStream.range(0, whole.heads())
        .mapToObj(head -> KeyRanges.of(shape, whole, head))
        .toList();
  }

  /** Writes a layout into the arrays; it must fit the room. */
  void fill(AttentionShape shape, List<List<KeyRanges>> groups) {
    int run = 0;
    for (int list = 0; list < groups.size(); list++) {
      int first = Math.toIntExact(shape.heads() + 4 * room.tiles() * list);
      int end = Math.toIntExact(first + 4 * room.tiles());
      int at = first;
      for (KeyRanges group : groups.get(list)) {
        int firstRun = run;
        for (int i = 0; i < group.keyStarts().length; i++) {
          run = addRuns(shape, run, group.keyStarts()[i], group.keyCounts()[i]);
        }
        for (int done = 0; done < group.queryCount(); done += queriesPerTile, at += 4) {
          tiles.set(at, group.firstQuery() + done);
          tiles.set(at + 1, Math.min(queriesPerTile, group.queryCount() - done));
          tiles.set(at + 2, firstRun);
          tiles.set(at + 3, run);
        }
      }
      for (; at < end; at++) {
        tiles.set(at, 0);
      }
      for (int head = 0; head < shape.heads(); head++) {
        if (groups.size() == 1 || head == list) {
          tiles.set(head, first);
        }
      }
    }
  }

  private int addRuns(AttentionShape shape, int run, int token, int count) {
    int patches = shape.patchesPerFrame();
    int padded = paddedPatches(shape);
    if (patches == padded) {
      return addRun(shape, run, token, count, token);
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
      next = addRun(shape, next, at, end - at, column);
      at = end;
    }
    return next;
  }

  private int addRun(AttentionShape shape, int run, int token, int count, int column) {
    runs.set(3 * run, token);
    runs.set(3 * run + 1, count);
    runs.set(3 * run + 2, column % 2 == 0 ? column : paddedTokens(shape) + column - 1);
    return run + 1;
  }
}
