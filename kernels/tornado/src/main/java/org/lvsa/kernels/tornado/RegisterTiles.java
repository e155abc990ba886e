// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.KeyRanges;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A layout of frames as {@link RegisterKernels} reads it: tiles of queries, and the runs of keys
 * that each tile attends to, counted in the columns of {@link BlockedLayouts}. The arrays have room
 * for any layout of frames, so that another layout needs no new buffers. Tiles that a layout does
 * not need hold no query.
 *
 * @param tiles six numbers per tile: first query, number of queries, first run, run after the last,
 *     number of keys, the tile of columns where the first query's own key is
 * @param runs two numbers per run: first column, a multiple of {@link RegisterKernels#KEYS}, and
 *     number of tiles of keys
 */
record RegisterTiles(IntArray tiles, IntArray runs) {
  private static final int NUMBERS = 6;

  static RegisterTiles allocate(AttentionShape shape) {
    return new RegisterTiles(
        new IntArray(Math.toIntExact(NUMBERS * count(shape))),
        new IntArray(Math.toIntExact(2 * runs(shape))));
  }

  /** Number of tiles that is enough for any layout of frames. */
  static long count(AttentionShape shape) {
    return (long) shape.latentFrames()
            * Math.ceilDiv(shape.patchesPerFrame(), RegisterKernels.QUERIES)
        + Math.ceilDiv(shape.textTokens(), RegisterKernels.QUERIES);
  }

  private static long runs(AttentionShape shape) {
    return (shape.latentFrames() + 1L) * (shape.latentFrames() + 1L);
  }

  /** Number of bytes of the two arrays. */
  static long bytes(AttentionShape shape) {
    return Integer.BYTES * (NUMBERS * count(shape) + 2 * runs(shape));
  }

  /** Number of columns of a frame. */
  static int paddedPatches(AttentionShape shape) {
    return Math.ceilDiv(shape.patchesPerFrame(), RegisterKernels.KEYS) * RegisterKernels.KEYS;
  }

  /** Number of columns of all frames, which is where the text starts. */
  static int paddedVideo(AttentionShape shape) {
    return shape.latentFrames() * paddedPatches(shape);
  }

  /** Number of columns of a head. */
  static int paddedTokens(AttentionShape shape) {
    return paddedVideo(shape)
        + Math.ceilDiv(shape.textTokens(), RegisterKernels.KEYS) * RegisterKernels.KEYS;
  }

  /** Whether all runs of keys are whole frames, or the whole text, and the arrays have room. */
  static boolean fits(AttentionShape shape, List<KeyRanges> groups) {
    long tiles = 0;
    long runs = 0;
    for (KeyRanges group : groups) {
      tiles += Math.ceilDiv(group.queryCount(), RegisterKernels.QUERIES);
      runs += group.keyStarts().length;
      if (group.hasBands()) {
        return false;
      }
      for (int i = 0; i < group.keyStarts().length; i++) {
        int start = group.keyStarts()[i];
        if (!isEdge(shape, start) || !isEdge(shape, start + group.keyCounts()[i])) {
          return false;
        }
      }
    }
    return tiles <= count(shape) && runs <= runs(shape);
  }

  private static boolean isEdge(AttentionShape shape, int token) {
    return token == shape.tokens()
        || token <= shape.videoTokens() && token % shape.patchesPerFrame() == 0;
  }

  /** Writes groups that fit into the arrays. */
  void fill(AttentionShape shape, List<KeyRanges> groups) {
    int at = 0;
    int run = 0;
    for (KeyRanges group : groups) {
      int firstRun = run;
      for (int i = 0; i < group.keyStarts().length; i++, run++) {
        int start = edge(shape, group.keyStarts()[i]);
        int end = edge(shape, group.keyStarts()[i] + group.keyCounts()[i]);
        runs.set(2 * run, start);
        runs.set(2 * run + 1, (end - start) / RegisterKernels.KEYS);
      }
      for (int done = 0; done < group.queryCount(); done += RegisterKernels.QUERIES) {
        int query = group.firstQuery() + done;
        tiles.set(at, query);
        tiles.set(at + 1, Math.min(RegisterKernels.QUERIES, group.queryCount() - done));
        tiles.set(at + 2, firstRun);
        tiles.set(at + 3, run);
        tiles.set(at + 4, group.keys());
        tiles.set(at + 5, column(shape, query) / RegisterKernels.KEYS * RegisterKernels.KEYS);
        at += NUMBERS;
      }
    }
    for (; at < tiles.getSize(); at++) {
      tiles.set(at, 0);
    }
  }

  /** The column of a token. */
  private static int column(AttentionShape shape, int token) {
    if (token >= shape.videoTokens()) {
      return paddedVideo(shape) + token - shape.videoTokens();
    }
    return token / shape.patchesPerFrame() * paddedPatches(shape) + token % shape.patchesPerFrame();
  }

  /** The column where a frame, the text, or nothing more starts. */
  private static int edge(AttentionShape shape, int token) {
    return token == shape.tokens() ? paddedTokens(shape) : column(shape, token);
  }
}
