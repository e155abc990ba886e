// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.Blocking.BLOCK;

import java.util.Arrays;
import org.lvsa.kernels.KeyRanges;

/**
 * Keys of a staged tile that a query attends to only if they are near it. The scores of the other
 * queries become −∞, so that the keys have weight 0 for them. Their values have to have no effect
 * either, and 0 times NaN or infinity would have one: values that are not finite are set aside and
 * added for the queries that attend to them alone.
 */
final class Bands {
  private final int headDim;

  /** For each key of the tile, its span and its token. */
  private final Chunk.Span[] spans;

  private final int[] tokens;

  /** Values that were set aside, and the keys of the tile that they belong to. */
  private final float[][] aside;

  private final int[] asideKeys;
  private int asideCount;
  private boolean any;

  Bands(int tile, int headDim) {
    this.headDim = headDim;
    spans = new Chunk.Span[tile];
    tokens = new int[tile];
    aside = new float[tile][];
    asideKeys = new int[tile];
  }

  /** Notes that keys of a span, from {@code token} on, were staged from place {@code at} on. */
  void staged(Chunk.Span span, int token, int count, int at) {
    any |= span.limits().length > 0;
    for (int i = 0; i < count; i++) {
      spans[at + i] = span;
      tokens[at + i] = token + i;
    }
  }

  /** Whether any staged key has a band. */
  boolean any() {
    return any;
  }

  /** The tile is done; the next one is empty. */
  void clear() {
    any = false;
    asideCount = 0;
  }

  /** Takes values that are not finite out of a staged tile; does nothing the second time. */
  void setAside(float[] values, int tile) {
    for (int j = 0; j < tile; j++) {
      if (spans[j].limits().length > 0) {
        float sum = 0;
        for (int d = 0; d < headDim; d++) {
          // NaN for NaN and for infinities, else 0.
          sum += values[KeyTile.at(j, d)] * 0;
        }
        if (sum != 0) {
          aside[asideCount] = new float[headDim];
          for (int d = 0; d < headDim; d++) {
            aside[asideCount][d] = values[KeyTile.at(j, d)];
            values[KeyTile.at(j, d)] = 0;
          }
          asideKeys[asideCount++] = j;
        }
      }
    }
  }

  /**
   * Sets scores to −∞ where a query does not attend to a key.
   *
   * @param firstQuery the token of the block's first query
   * @param segment number of the segment that the block belongs to
   */
  void mask(float[] scores, int firstQuery, int segment, int tile) {
    for (int j = 0; j < tile; j++) {
      int limit = spans[j].limit(segment);
      if (limit != KeyRanges.NO_LIMIT) {
        int low = low(tokens[j], limit, firstQuery);
        int end = end(tokens[j], limit, firstQuery);
        Arrays.fill(scores, j * BLOCK, j * BLOCK + low, Float.NEGATIVE_INFINITY);
        Arrays.fill(scores, j * BLOCK + end, (j + 1) * BLOCK, Float.NEGATIVE_INFINITY);
      }
    }
  }

  /** Adds the weighted values that were set aside, for the queries that attend to them. */
  void addSetAside(float[] weights, int firstQuery, int segment, float[] accumulator, int at) {
    for (int i = 0; i < asideCount; i++) {
      int j = asideKeys[i];
      int limit = spans[j].limit(segment);
      int low = limit == KeyRanges.NO_LIMIT ? 0 : low(tokens[j], limit, firstQuery);
      int end = limit == KeyRanges.NO_LIMIT ? BLOCK : end(tokens[j], limit, firstQuery);
      for (int lane = low; lane < end; lane++) {
        for (int d = 0; d < headDim; d++) {
          accumulator[at + d * BLOCK + lane] += weights[j * BLOCK + lane] * aside[i][d];
        }
      }
    }
  }

  /** The first lane that attends to a key; {@link Blocking#BLOCK} if none does. */
  private static int low(int token, int limit, int firstQuery) {
    return (int) Math.clamp((long) token - limit - firstQuery, 0L, (long) BLOCK);
  }

  /** The lane after the last one that attends to a key; never before {@link #low}. */
  private static int end(int token, int limit, int firstQuery) {
    return (int)
        Math.clamp(
            (long) token + limit + 1 - firstQuery, (long) low(token, limit, firstQuery), BLOCK);
  }
}
