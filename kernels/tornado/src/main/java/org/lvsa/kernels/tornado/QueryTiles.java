// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KeyRanges;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A layout as the kernel reads it: tiles of queries, and the runs of keys that each attends to. The
 * arrays have room for any layout of a shape, so that another pattern needs no other buffers; tiles
 * that a layout does not need hold no query.
 *
 * @param tiles first query, queries, first run, run after the last; four numbers a tile
 * @param runs first token, tokens; two numbers a run
 */
record QueryTiles(IntArray tiles, IntArray runs) {

  static QueryTiles allocate(AttentionShape shape) {
    int frames = shape.latentFrames();
    // Attended frames that are not neighbours: every other one, and the text.
    int runsOfAFrame = Math.ceilDiv(frames, 2) + 1;
    return new QueryTiles(
        new IntArray(4 * count(shape)),
        new IntArray(Math.multiplyExact(2 * (frames + 1), runsOfAFrame)));
  }

  /** Tiles that any layout of the shape fits in. */
  static int count(AttentionShape shape) {
    return shape.latentFrames() * Math.ceilDiv(shape.patchesPerFrame(), PortableKernel.QUERIES)
        + Math.ceilDiv(shape.textTokens(), PortableKernel.QUERIES);
  }

  void fill(AttentionShape shape, BlockSparseLayout layout) {
    List<KeyRanges> groups = KeyRanges.of(shape, layout);
    int tile = 0;
    int run = 0;
    for (KeyRanges group : groups) {
      int firstRun = run;
      for (int i = 0; i < group.keyStarts().length; i++, run++) {
        runs.set(2 * run, group.keyStarts()[i]);
        runs.set(2 * run + 1, group.keyCounts()[i]);
      }
      for (int done = 0; done < group.queryCount(); done += PortableKernel.QUERIES, tile++) {
        tiles.set(4 * tile, group.firstQuery() + done);
        tiles.set(4 * tile + 1, Math.min(PortableKernel.QUERIES, group.queryCount() - done));
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
}
