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

  /** Elements of a row of local memory more than headDim: rows begin at different banks. */
  private static final int GAP = 2;

  private static final int LARGEST_HEAD_DIM = 128;

  private BlockedLayouts() {}

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
    int within = column % paddedLength;
    int start = column / paddedLength * length;
    int count = length;
    if (column >= paddedStretches) {
      within = column - paddedStretches;
      start = stretchTokens;
      count = tokens - stretchTokens;
    }
    int element = thread % headDim;
    for (int i = thread / headDim; i < TILE; i += THREADS / headDim) {
      int token = start + TornadoMath.min(within + i, count - 1);
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
    int sequence = context.groupIdy / kvHeads;
    int head = context.groupIdy % kvHeads;
    int column = context.groupIdx * TILE;
    int within = column % paddedLength;
    int start = column / paddedLength * length;
    int count = length;
    if (column >= paddedStretches) {
      within = column - paddedStretches;
      start = stretchTokens;
      count = tokens - stretchTokens;
    }
    int elements = RegisterKernels.valueElements(headDim);
    int to = (context.groupIdy * columns + column) * elements;
    int block = 16 * elements;
    float high = 0f;
    for (int i = thread; i < TILE * elements; i += THREADS) {
      int inBlock = i % block;
      int row = within + i / block * 16 + ((inBlock >> 3) & 15);
      int element = (inBlock >> 7) * 8 + (inBlock & 7);
      float number = 0f;
      if (row < count) {
        number = 1f;
        if (element < headDim) {
          int from = ((sequence * tokens + start + row) * kvHeads + head) * headDim + element;
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
        }
      }
      blocked.set(to + i, new HalfFloat(number));
    }
    highest[thread] = high;
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
