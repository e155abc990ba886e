// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.BFloat16;
import uk.ac.manchester.tornado.api.types.HalfFloat;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Device kernels that bring keys and values into blocks as {@link RegisterKernels} reads them. Both
 * have columns instead of tokens, as {@link Columns} says. Group x of either kernel is a tile of
 * columns, group y is {@code sequence · kvHeads + head}. headDim is 64 or 128.
 */
final class BlockedLayouts {
  /** Number of threads of a work-group. */
  static final int THREADS = 256;

  /** Columns of a work-group. */
  static final int TILE = 32;

  /** Work-groups of a head in {@link #scaledValues}. */
  static final int SCALING_GROUPS = 64;

  /** fp16 holds numbers up to this, and twice it. */
  static final float MOST = 32768f;

  /** A number that is divided by a scale is multiplied by at most this, whose inverse is normal. */
  private static final float MOST_FACTOR = 0x1p126f;

  /** Elements of a row of local memory more than headDim: rows begin at different banks. */
  private static final int GAP = 2;

  private static final int LARGEST_HEAD_DIM = 128;

  private BlockedLayouts() {}

  /**
   * The token of a column, see {@link Columns}; if it is padding, one behind its stretch's last.
   */
  static int token(
      int column, int length, int paddedLength, int stretchTokens, int paddedStretches) {
    int token = column / paddedLength * length + column % paddedLength;
    if (column >= paddedStretches) {
      token = stretchTokens + column - paddedStretches;
    }
    return token;
  }

  /** The token behind the last one of a column's stretch. */
  static int end(
      int column,
      int tokens,
      int length,
      int paddedLength,
      int stretchTokens,
      int paddedStretches) {
    int end = column / paddedLength * length + length;
    if (column >= paddedStretches) {
      end = tokens;
    }
    return end;
  }

  /**
   * Keys {@code [batch, tokens, kvHeads, headDim]} to {@code [batch, kvHeads, columns / 8, headDim,
   * 8]}. Padding repeats the last key before it: its weights are then never larger than those of
   * keys that count.
   *
   * @param length tokens of a stretch, of {@code paddedLength} columns
   * @param stretchTokens tokens of the equal stretches, of {@code paddedStretches} columns
   * @param columns columns of a head
   */
  static void keys(
      KernelContext context,
      HalfFloatArray key,
      HalfFloatArray blocked,
      int tokens,
      int kvHeads,
      int headDim,
      int length,
      int paddedLength,
      int stretchTokens,
      int paddedStretches,
      int columns) {
    HalfFloat[] tile = context.allocateHalfFloatLocalArray(TILE * (LARGEST_HEAD_DIM + GAP));
    int pitch = headDim + GAP;
    int thread = context.localIdx;
    int sequence = context.groupIdy / kvHeads;
    int head = context.groupIdy % kvHeads;
    int column = context.groupIdx * TILE;
    int first = token(column, length, paddedLength, stretchTokens, paddedStretches);
    int end = end(column, tokens, length, paddedLength, stretchTokens, paddedStretches);
    int element = thread % headDim;
    for (int i = thread / headDim; i < TILE; i += THREADS / headDim) {
      int token = TornadoMath.min(first + i, end - 1);
      tile[i * pitch + element] =
          key.get(((sequence * tokens + token) * kvHeads + head) * headDim + element);
    }
    context.localBarrier();
    int to = (context.groupIdy * columns + column) * headDim;
    for (int i = thread; i < TILE * headDim; i += THREADS) {
      int row = i / (8 * headDim) * 8 + (i & 7);
      blocked.set(to + i, tile[row * pitch + (i >> 3) % headDim]);
    }
  }

  /**
   * Values {@code [batch, tokens, kvHeads, headDim]} to fp16 {@code [batch, kvHeads, columns / 16,
   * headDim / 8 + 1, 16, 8]}: blocks of 16 columns and 8 elements. The last block is 1 for a token
   * and 0 for padding, where the values are 0 too.
   *
   * @param largest receives the largest absolute value of each work-group, infinite if one is not
   *     finite, {@code [batch, kvHeads, columns / 32]}
   * @param bf16 1 if the values are bf16, 0 if they are fp16
   */
  static void values(
      KernelContext context,
      HalfFloatArray value,
      HalfFloatArray blocked,
      FloatArray largest,
      int tokens,
      int kvHeads,
      int headDim,
      int length,
      int paddedLength,
      int stretchTokens,
      int paddedStretches,
      int columns,
      int bf16) {
    float[] highest = context.allocateFloatLocalArray(THREADS);
    int thread = context.localIdx;
    highest[thread] =
        put(
            value,
            blocked,
            thread,
            context.groupIdy,
            context.groupIdx * TILE,
            tokens,
            kvHeads,
            headDim,
            length,
            paddedLength,
            stretchTokens,
            paddedStretches,
            columns,
            1f,
            bf16);
    for (int stride = THREADS / 2; stride > 0; stride >>= 1) {
      context.localBarrier();
      if (thread < stride) {
        highest[thread] = TornadoMath.max(highest[thread], highest[thread + stride]);
      }
    }
    if (thread == 0) {
      largest.set(context.groupIdy * (columns / TILE) + context.groupIdx, highest[0]);
    }
  }

  /**
   * A thread's share of a tile of {@link #values}.
   *
   * @param vectors {@code sequence · kvHeads + head}
   * @param column the tile's first one
   * @param factor what multiplies the values
   * @return the largest absolute value before that, infinite if one is not finite
   */
  private static float put(
      HalfFloatArray value,
      HalfFloatArray blocked,
      int thread,
      int vectors,
      int column,
      int tokens,
      int kvHeads,
      int headDim,
      int length,
      int paddedLength,
      int stretchTokens,
      int paddedStretches,
      int columns,
      float factor,
      int bf16) {
    int sequence = vectors / kvHeads;
    int head = vectors % kvHeads;
    int first = token(column, length, paddedLength, stretchTokens, paddedStretches);
    int end = end(column, tokens, length, paddedLength, stretchTokens, paddedStretches);
    int elements = RegisterKernels.valueElements(headDim);
    int to = (vectors * columns + column) * elements;
    int block = 16 * elements;
    float high = 0f;
    for (int i = thread; i < TILE * elements; i += THREADS) {
      int inBlock = i % block;
      int token = first + i / block * 16 + ((inBlock >> 3) & 15);
      int element = (inBlock >> 7) * 8 + (inBlock & 7);
      float number = 0f;
      if (token < end) {
        number = 1f;
        if (element < headDim) {
          int from = ((sequence * tokens + token) * kvHeads + head) * headDim + element;
          if (bf16 == 1) {
            number = BFloat16.bf16ToFloat(value.get(from).getHalfFloatValue());
          } else {
            number = value.get(from).getFloat32();
          }
          float size = TornadoMath.abs(number);
          // The device's max drops NaN. The difference is 0 for finite numbers alone.
          if (size - size != 0f) {
            size = Float.POSITIVE_INFINITY;
          }
          high = TornadoMath.max(high, size);
          number = number * factor;
        }
      }
      blocked.set(to + i, new HalfFloat(number));
    }
    return high;
  }

  /**
   * The power of two that numbers are divided by so that fp16 holds them: 1 where it does already,
   * else what brings the largest to between 2^14 and 2^15.
   *
   * @param largest their largest absolute value
   * @param least fp16 holds numbers whose largest is not below this, or is 0
   * @param most fp16 holds numbers up to this
   */
  static float scale(float largest, float least, float most) {
    float factor = 1f;
    // The difference is 0 for finite numbers alone.
    if (largest - largest == 0f) {
      if (largest > most) {
        while (largest * factor > MOST) {
          factor = factor * 0.5f;
        }
      }
      if (largest > 0f && largest < least) {
        while (factor < MOST_FACTOR && largest * factor <= 0.5f * MOST) {
          factor = factor * 2f;
        }
      }
    }
    return 1f / factor;
  }

  /**
   * What the numbers of each head are divided by, see {@link #scale}, one work-group for each query
   * head.
   *
   * @param largest {@code count} numbers of each key/value head
   * @param scales receives a number of each query head, {@code [batch, heads, stride]}, at {@code
   *     place}
   */
  static void scales(
      KernelContext context,
      FloatArray largest,
      FloatArray scales,
      int count,
      int heads,
      int kvHeads,
      int place,
      int stride,
      float least,
      float most) {
    float[] highest = context.allocateFloatLocalArray(THREADS);
    int thread = context.localIdx;
    int kvHead = context.groupIdy / heads * kvHeads + context.groupIdy % heads / (heads / kvHeads);
    float high = 0f;
    for (int i = thread; i < count; i += THREADS) {
      high = TornadoMath.max(high, largest.get(kvHead * count + i));
    }
    highest[thread] = high;
    for (int half = THREADS / 2; half > 0; half >>= 1) {
      context.localBarrier();
      if (thread < half) {
        highest[thread] = TornadoMath.max(highest[thread], highest[thread + half]);
      }
    }
    if (thread == 0) {
      scales.set(context.groupIdy * stride + place, scale(highest[0], least, most));
    }
  }

  /**
   * Writes values that fp16 does not hold once more as {@link #values} does, divided by their
   * head's scale. Where it is 1, nothing is done. Group x is one of {@link #SCALING_GROUPS}, group
   * y is {@code sequence · kvHeads + head}.
   *
   * @param scales as {@link #scales} writes them, {@code [batch, heads]}
   * @param queryHeads number of query heads of a key/value head
   */
  static void scaledValues(
      KernelContext context,
      HalfFloatArray value,
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
      int columns,
      int bf16) {
    float scale = scales.get(context.groupIdy * queryHeads);
    if (scale != 1f) {
      for (int tile = context.groupIdx; tile < columns / TILE; tile += SCALING_GROUPS) {
        put(
            value,
            blocked,
            context.localIdx,
            context.groupIdy,
            tile * TILE,
            tokens,
            kvHeads,
            headDim,
            length,
            paddedLength,
            stretchTokens,
            paddedStretches,
            columns,
            1f / scale,
            bf16);
      }
    }
  }

  /**
   * Makes rows of a text that are not there like padding, among the keys {@code [tokens, kvHeads,
   * headDim]} of one sequence: they repeat the last key before them.
   *
   * @param count one number: rows that are there
   * @param first the text's first element
   * @param width elements of a row
   * @param size elements of the text
   */
  static void repeatLast(
      KernelContext context, HalfFloatArray key, IntArray count, int first, int width, int size) {
    int i = context.globalIdx;
    if (i < size && i >= count.get(0) * width) {
      key.set(first + i, key.get(first + (count.get(0) - 1) * width + i % width));
    }
  }

  /**
   * Makes rows of a text that are not there like padding, among the values of one sequence as
   * {@link #values} writes them: all of their numbers are 0.
   *
   * @param count one number: rows that are there
   * @param columns of a head
   * @param paddedStretches the column where the text begins, a multiple of 16
   * @param elements of a column, see {@link RegisterKernels#valueElements}
   * @param size elements of the text's columns of all heads
   */
  static void hideRest(
      KernelContext context,
      HalfFloatArray blocked,
      IntArray count,
      int columns,
      int paddedStretches,
      int elements,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      int ofHead = (columns - paddedStretches) * elements;
      int head = i / ofHead;
      int within = i % ofHead;
      int row = within / (16 * elements) * 16 + ((within >> 3) & 15);
      if (row >= count.get(0)) {
        blocked.set((head * columns + paddedStretches) * elements + within, new HalfFloat(0f));
      }
    }
  }
}
