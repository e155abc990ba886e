// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.HalfFloat;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;

/**
 * Device kernels that divide float32 into two numbers of fp16: the nearest one, and the nearest one
 * to what is then missing. Together they have 22 bits, or 2^-25 as the largest error of numbers
 * that are so small that fp16 has fewer bits for them. TornadoVM 5.2.0 widens a half only where it
 * is read from an array, so the large part is read back from where it was written. Keys and values
 * come into blocks, as {@link RegisterKernels} reads them; a vector's large parts stand before its
 * small ones. headDim is 64 or 128.
 */
final class SplitLayouts {
  /** Number of threads of a work-group. */
  static final int THREADS = 256;

  /** Tokens that a work-group of {@link #largest} looks at. */
  static final int STRETCH = 1024;

  private static final int TILE = BlockedLayouts.TILE;
  private static final int LARGEST_HEAD_DIM = 128;

  private SplitLayouts() {}

  /**
   * The largest absolute value of each head's vectors {@code [batch, tokens, heads, headDim]},
   * infinite if one is not finite: a number per work-group. Group x is a stretch of {@link
   * #STRETCH} tokens, group y is {@code sequence · heads + head}.
   */
  static void largest(
      KernelContext context,
      FloatArray vectors,
      FloatArray largest,
      int tokens,
      int heads,
      int headDim) {
    float[] highest = context.allocateFloatLocalArray(THREADS);
    int thread = context.localIdx;
    int sequence = context.groupIdy / heads;
    int head = context.groupIdy % heads;
    int first = context.groupIdx * STRETCH;
    int end = TornadoMath.min(first + STRETCH, tokens);
    float high = 0f;
    for (int token = first + thread / headDim; token < end; token += THREADS / headDim) {
      int at = ((sequence * tokens + token) * heads + head) * headDim + thread % headDim;
      float size = TornadoMath.abs(vectors.get(at));
      // The device's max drops NaN. The difference is 0 for finite numbers alone.
      if (size - size != 0f) {
        size = Float.POSITIVE_INFINITY;
      }
      high = TornadoMath.max(high, size);
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
          context.groupIdy * ((tokens + STRETCH - 1) / STRETCH) + context.groupIdx, highest[0]);
    }
  }

  /**
   * Queries {@code [batch, tokens, heads, headDim]} to {@code [batch, tokens, heads, 2, headDim]}.
   * A thread divides one of {@code size} numbers.
   *
   * @param scales what {@link BlockedLayouts#scales} wrote, {@code [batch, heads, 3]}: of the
   *     values, the keys and the queries of a query head; so below
   */
  static void queries(
      KernelContext context,
      FloatArray query,
      HalfFloatArray parts,
      FloatArray scales,
      int tokens,
      int heads,
      int headDim,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      int head = i / (tokens * heads * headDim) * heads + i / headDim % heads;
      float number = query.get(i) * (1f / scales.get(3 * head + 2));
      int to = i / headDim * 2 * headDim + i % headDim;
      parts.set(to, new HalfFloat(number));
      parts.set(to + headDim, new HalfFloat(number - parts.get(to).getFloat32()));
    }
  }

  /**
   * Keys {@code [batch, tokens, kvHeads, headDim]} to {@code [batch, kvHeads, columns / 8, 2,
   * headDim, 8]}, with the groups and the padding of {@link BlockedLayouts#keys}.
   */
  static void keys(
      KernelContext context,
      FloatArray key,
      HalfFloatArray blocked,
      FloatArray scales,
      int queryHeads,
      int tokens,
      int kvHeads,
      int headDim,
      int length,
      int paddedLength,
      int stretchTokens,
      int paddedStretches,
      int columns) {
    float[] tile = context.allocateFloatLocalArray(TILE * (LARGEST_HEAD_DIM + 1));
    int pitch = headDim + 1;
    int thread = context.localIdx;
    int sequence = context.groupIdy / kvHeads;
    int head = context.groupIdy % kvHeads;
    int column = context.groupIdx * TILE;
    int first = BlockedLayouts.token(column, length, paddedLength, stretchTokens, paddedStretches);
    int end =
        BlockedLayouts.end(column, tokens, length, paddedLength, stretchTokens, paddedStretches);
    int element = thread % headDim;
    for (int i = thread / headDim; i < TILE; i += THREADS / headDim) {
      int token = TornadoMath.min(first + i, end - 1);
      tile[i * pitch + element] =
          key.get(((sequence * tokens + token) * kvHeads + head) * headDim + element);
    }
    context.localBarrier();
    int to = (context.groupIdy * columns + column) * 2 * headDim;
    float factor = 1f / scales.get(3 * (context.groupIdy * queryHeads) + 1);
    for (int i = thread; i < TILE * headDim; i += THREADS) {
      int block = i / (8 * headDim);
      float number = tile[(block * 8 + (i & 7)) * pitch + (i >> 3) % headDim] * factor;
      int at = to + i + block * 8 * headDim;
      blocked.set(at, new HalfFloat(number));
      blocked.set(at + 8 * headDim, new HalfFloat(number - blocked.get(at).getFloat32()));
    }
  }

  /**
   * Values {@code [batch, tokens, kvHeads, headDim]} to {@code [batch, kvHeads, columns / 16,
   * headDim / 4 + 1, 16, 8]}: blocks of 16 columns and 8 elements, those of the large parts before
   * those of the small ones. The last block is 1 for a token and 0 for padding, where the values
   * are 0 too.
   */
  static void values(
      KernelContext context,
      FloatArray value,
      HalfFloatArray blocked,
      FloatArray scales,
      int queryHeads,
      int tokens,
      int kvHeads,
      int headDim,
      int length,
      int paddedLength,
      int stretchTokens,
      int paddedStretches,
      int columns) {
    int thread = context.localIdx;
    int sequence = context.groupIdy / kvHeads;
    int head = context.groupIdy % kvHeads;
    int column = context.groupIdx * TILE;
    int first = BlockedLayouts.token(column, length, paddedLength, stretchTokens, paddedStretches);
    int end =
        BlockedLayouts.end(column, tokens, length, paddedLength, stretchTokens, paddedStretches);
    int elements = RegisterKernels.valueElements(2 * headDim);
    int to = (context.groupIdy * columns + column) * elements;
    int half = 16 * elements;
    float factor = 1f / scales.get(3 * (context.groupIdy * queryHeads));
    for (int i = thread; i < TILE * (headDim + 8); i += THREADS) {
      int inHalf = i % (16 * (headDim + 8));
      int side = i / (16 * (headDim + 8));
      int token = first + side * 16 + ((inHalf >> 3) & 15);
      int element = (inHalf >> 7) * 8 + (inHalf & 7);
      float number = 0f;
      if (token < end) {
        number = 1f;
        if (element < headDim) {
          number =
              value.get(((sequence * tokens + token) * kvHeads + head) * headDim + element)
                  * factor;
        }
      }
      int at = to + side * half + inHalf;
      float large = 0f;
      if (element < headDim) {
        blocked.set(at, new HalfFloat(number));
        large = blocked.get(at).getFloat32();
      }
      // Small parts, or the ones, of which there are no parts.
      blocked.set(at + 16 * headDim, new HalfFloat(number - large));
    }
  }
}
