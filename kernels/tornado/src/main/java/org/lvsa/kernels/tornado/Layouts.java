// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.BFloat16;
import uk.ac.manchester.tornado.api.types.HalfFloat;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/** Device kernels that change the memory layout of inputs before attention reads them. */
final class Layouts {
  /** Number of threads of a work-group. */
  static final int THREADS = 256;

  /**
   * Side of the square of tokens and elements that a work-group of {@link #transposeKeys} moves.
   */
  static final int TILE = 32;

  private static final int PITCH = TILE + 1;

  private Layouts() {}

  /**
   * Widens 16-bit floats by looking them up: {@code table} has the float of each of the 65,536 bit
   * patterns. Every driver of TornadoVM can do this, also one without half precision.
   */
  static void widen(
      KernelContext context, ShortArray narrow, FloatArray table, FloatArray wide, int size) {
    int i = context.globalIdx;
    if (i < size) {
      wide.set(i, table.get(narrow.get(i) & 0xFFFF));
    }
  }

  /**
   * Reads one element of each array. TornadoVM keeps an array on the device only if a task of the
   * graph used it; this is such a task, for inputs that need no other.
   */
  static void keep(
      KernelContext context, FloatArray query, FloatArray key, FloatArray value, FloatArray seen) {
    if (context.globalIdx == 0) {
      seen.set(0, query.get(0) + key.get(0) + value.get(0));
    }
  }

  /** Number of vectors per head that one work-group of {@link #largestNorms} looks at. */
  static final int NORM_VECTORS = 4096;

  /**
   * The largest squared length among the vectors {@code [batch, tokens, heads, headDim]} of each
   * head: one number per work-group, of which {@link ScoreBound} takes the largest. Group x is a
   * stretch of {@link #NORM_VECTORS} tokens, group y is {@code sequence · heads + head}. {@code
   * bf16} is 1 for that type, 0 for fp16.
   */
  static void largestNorms(
      KernelContext context,
      HalfFloatArray vectors,
      FloatArray largest,
      int tokens,
      int heads,
      int headDim,
      int bf16) {
    float[] highest = context.allocateFloatLocalArray(THREADS);
    int thread = context.localIdx;
    int head = context.groupIdy % heads;
    int sequence = context.groupIdy / heads;
    int first = context.groupIdx * NORM_VECTORS;
    int end = TornadoMath.min(first + NORM_VECTORS, tokens);
    float high = 0f;
    for (int token = first + thread; token < end; token += THREADS) {
      int at = ((sequence * tokens + token) * heads + head) * headDim;
      float sum = 0f;
      for (int d = 0; d < headDim; d++) {
        float element;
        if (bf16 == 1) {
          element = BFloat16.bf16ToFloat(vectors.get(at + d).getHalfFloatValue());
        } else {
          element = vectors.get(at + d).getFloat32();
        }
        sum += element * element;
      }
      // The device's max drops NaN, and a length that is not a number must not look like a short
      // one. The difference is 0 for finite numbers alone; the device's compiler turns !(a <= b)
      // into b < a, which is false for NaN.
      if (sum - sum != 0f) {
        sum = Float.POSITIVE_INFINITY;
      }
      high = TornadoMath.max(high, sum);
    }
    highest[thread] = high;
    for (int stride = THREADS / 2; stride > 0; stride >>= 1) {
      context.localBarrier();
      if (thread < stride) {
        highest[thread] = TornadoMath.max(highest[thread], highest[thread + stride]);
      }
    }
    if (thread == 0) {
      largest.set(
          context.groupIdy * ((tokens - 1) / NORM_VECTORS + 1) + context.groupIdx, highest[0]);
    }
  }

  /**
   * Keys {@code [batch, tokens, kvHeads, headDim]} to {@code [batch, kvHeads, headDim,
   * paddedTokens]}, where every frame starts at a column that is a multiple of {@link
   * QueryTiles#PADDING}. Columns that belong to no token repeat another token. If there is room for
   * it ({@code paddedTokens} is then twice {@code oneCopy}), a second copy follows in each row,
   * shifted by one column: what stands at an odd column of the first stands at an even column of
   * the second, and only from an even column on can columns be copied in words. Group x is a tile
   * of columns, group y is {@code (sequence · kvHeads + head) · headDim / 32 + tile of elements}.
   */
  static void transposeKeys(
      KernelContext context,
      HalfFloatArray key,
      HalfFloatArray transposed,
      int tokens,
      int kvHeads,
      int headDim,
      int patches,
      int paddedPatches,
      int videoTokens,
      int paddedVideo,
      int oneCopy,
      int paddedTokens) {
    HalfFloat[] tile = context.allocateHalfFloatLocalArray(TILE * PITCH);
    int x = context.localIdx & 31;
    int y = context.localIdx >> 5;
    int element = context.groupIdy % (headDim / TILE) * TILE;
    int sequenceHead = context.groupIdy / (headDim / TILE);
    int sequence = sequenceHead / kvHeads;
    int head = sequenceHead % kvHeads;
    int column = context.groupIdx * TILE;
    for (int i = y; i < TILE; i += 8) {
      int at = column + i;
      if (at >= oneCopy) {
        at = at - oneCopy + 1;
      }
      int token = at / paddedPatches * patches + TornadoMath.min(at % paddedPatches, patches - 1);
      if (at >= paddedVideo) {
        token = videoTokens + at - paddedVideo;
      }
      token = TornadoMath.min(token, tokens - 1);
      tile[i * PITCH + x] =
          key.get(((sequence * tokens + token) * kvHeads + head) * headDim + element + x);
    }
    context.localBarrier();
    for (int i = y; i < TILE; i += 8) {
      int to = (sequenceHead * headDim + element + i) * paddedTokens + column + x;
      if (column + x < paddedTokens) {
        transposed.set(to, tile[x * PITCH + i]);
      }
    }
  }
}
