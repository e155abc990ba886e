// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.Blocking.ROWS;

import java.lang.foreign.MemorySegment;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;

/**
 * Keys and values of a tile, staged as float32 for all queries of a chunk that attend to them.
 *
 * <p>A key lies in slabs of {@link #DEPTH} dimensions, one for a head of up to 128. Rows of a slab
 * are {@link #STRIDE} floats apart whatever the head's size: a distance that is a constant becomes
 * part of the load instructions, where a variable one costs an addition and a bounds check each.
 */
final class KeyTile {
  /** The most keys of a tile; their scores against a block fit the first-level cache. */
  static final int KEYS = 128 / ROWS * ROWS;

  /** Number of dimensions of a slab: 128, rounded up to whole register tiles. */
  static final int DEPTH = Math.ceilDiv(128, ROWS) * ROWS;

  /**
   * Distance between the rows of a slab in floats. It is an odd number of cache lines, so that the
   * keys of a tile spread over all sets of the cache.
   */
  static final int STRIDE = 144;

  /** Keys, {@code [slab][KEYS][STRIDE]}. */
  final float[] keys;

  /** Values, laid out as the keys. */
  final float[] values;

  private final int headDim;

  KeyTile(int headDim) {
    this.headDim = headDim;
    keys = new float[floats(headDim) / 2];
    values = new float[floats(headDim) / 2];
  }

  /** Number of floats of keys and values together. */
  static int floats(int headDim) {
    return 2 * Math.multiplyExact(Math.ceilDiv(headDim, DEPTH), KEYS * STRIDE);
  }

  /** Where a dimension of a key lies. */
  static int at(int key, int dimension) {
    return (dimension / DEPTH * KEYS + key) * STRIDE + dimension % DEPTH;
  }

  /**
   * Copies the keys and values of consecutive tokens, beginning with key {@code at} of the tile.
   */
  void stage(AttentionProblem problem, int sequence, int head, int token, int count, int at) {
    AttentionShape shape = problem.shape();
    for (int slab = 0; slab < headDim; slab += DEPTH) {
      int depth = Math.min(DEPTH, headDim - slab);
      for (int i = 0; i < count; i++) {
        long offset = shape.keyOffset(sequence, token + i, head) + slab;
        copy(problem, problem.key(), offset, keys, at(at + i, slab), depth);
        copy(problem, problem.value(), offset, values, at(at + i, slab), depth);
      }
    }
  }

  private static void copy(
      AttentionProblem problem, MemorySegment from, long offset, float[] to, int at, int depth) {
    Widening.read(problem.dtype(), from, offset, to, at, depth);
  }
}
