// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.BFloat16;
import uk.ac.manchester.tornado.api.types.HalfFloat;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;

/**
 * Device kernels that bring keys and values into blocks as {@link RegisterKernels} reads them. Both
 * have columns instead of tokens: every frame, and the text behind the frames, starts at a multiple
 * of {@link #TILE} columns. Group x of either kernel is a tile of columns, group y is {@code
 * sequence · kvHeads + head}. headDim is 128.
 */
final class BlockedLayouts {
  /** Number of threads of a work-group. */
  static final int THREADS = 256;

  /** Columns of a work-group. */
  static final int TILE = 32;

  private static final int HEAD_DIM = 128;

  /** Elements of a row of local memory: 65 words, so that rows begin at different banks. */
  private static final int PITCH = 130;

  private BlockedLayouts() {}

  /**
   * Keys {@code [batch, tokens, kvHeads, 128]} to {@code [batch, kvHeads, columns / 8, 128, 8]}.
   * Padding repeats the last key before it: its weights are then never larger than those of keys
   * that count.
   */
  static void keys(
      KernelContext context,
      HalfFloatArray key,
      HalfFloatArray blocked,
      int tokens,
      int kvHeads,
      int patches,
      int paddedPatches,
      int videoTokens,
      int paddedVideo,
      int paddedTokens) {
    HalfFloat[] tile = context.allocateHalfFloatLocalArray(TILE * PITCH);
    int thread = context.localIdx;
    int sequence = context.groupIdy / kvHeads;
    int head = context.groupIdy % kvHeads;
    int column = context.groupIdx * TILE;
    int within = column % paddedPatches;
    int start = column / paddedPatches * patches;
    int count = patches;
    if (column >= paddedVideo) {
      within = column - paddedVideo;
      start = videoTokens;
      count = tokens - videoTokens;
    }
    int element = thread & 127;
    for (int i = thread >> 7; i < TILE; i += 2) {
      int token = start + TornadoMath.min(within + i, count - 1);
      tile[i * PITCH + element] =
          key.get(((sequence * tokens + token) * kvHeads + head) * HEAD_DIM + element);
    }
    context.localBarrier();
    int to = (context.groupIdy * paddedTokens + column) * HEAD_DIM;
    for (int i = thread; i < TILE * HEAD_DIM; i += THREADS) {
      int row = (i >> 10) * 8 + (i & 7);
      blocked.set(to + i, tile[row * PITCH + ((i >> 3) & 127)]);
    }
  }

  /**
   * Values {@code [batch, tokens, kvHeads, 128]} to fp16 {@code [batch, kvHeads, columns / 16, 17,
   * 16, 8]}: blocks of 16 columns and 8 elements. The last block of the 17 is 1 for a token and 0
   * for padding, where the values are 0 too.
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
      int patches,
      int paddedPatches,
      int videoTokens,
      int paddedVideo,
      int paddedTokens,
      int bf16) {
    float[] highest = context.allocateFloatLocalArray(THREADS);
    int thread = context.localIdx;
    int sequence = context.groupIdy / kvHeads;
    int head = context.groupIdy % kvHeads;
    int column = context.groupIdx * TILE;
    int within = column % paddedPatches;
    int start = column / paddedPatches * patches;
    int count = patches;
    if (column >= paddedVideo) {
      within = column - paddedVideo;
      start = videoTokens;
      count = tokens - videoTokens;
    }
    int to = (context.groupIdy * paddedTokens + column) * RegisterKernels.VALUE_ELEMENTS;
    int block = 16 * RegisterKernels.VALUE_ELEMENTS;
    float high = 0f;
    for (int i = thread; i < TILE * RegisterKernels.VALUE_ELEMENTS; i += THREADS) {
      int inBlock = i % block;
      int row = within + i / block * 16 + ((inBlock >> 3) & 15);
      int element = (inBlock >> 7) * 8 + (inBlock & 7);
      float number = 0f;
      if (row < count) {
        number = 1f;
        if (element < HEAD_DIM) {
          int from = ((sequence * tokens + start + row) * kvHeads + head) * HEAD_DIM + element;
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
      largest.set(context.groupIdy * (paddedTokens / TILE) + context.groupIdx, highest[0]);
    }
  }
}
