// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.BFloat16;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;

/**
 * Device kernels that round queries and keys to int8, as {@link RegisterKernels} reads them: a
 * number is a whole one from −127 to 127 times a scale. Each query has a scale, and each tile of 32
 * keys has one. The mean of all keys of a head is subtracted first, because a channel that is large
 * in every key would leave few steps for the others. It adds the same to all scores of a query, so
 * that the weights stay as they are; only the log-sum-exp has to get it back. SageAttention
 * describes this.
 *
 * <p>What is not finite makes a scale infinite, and so the sums of weights not finite: {@link
 * RegisterKernels} flags such queries, which are then computed again without rounding. So does a
 * query whose scores would be too wrong, see {@link #queries}. headDim is 64 or 128.
 */
final class Int8Layouts {
  /** Number of threads of a work-group. */
  static final int THREADS = 256;

  /** Tokens that a work-group of {@link #keySums} adds up. */
  static final int STRETCH = 1024;

  /** Queries of a work-group of {@link #queries}. */
  static final int QUERIES = 16;

  /** The largest whole number. */
  private static final float STEPS = 127f;

  /**
   * The largest standard deviation of a scaled score's error. Weights are exponentials of scores,
   * so this is about the relative error of a query's output where many keys share its weights.
   */
  static final float LARGEST_ERROR = 0.02f;

  private static final int TILE = BlockedLayouts.TILE;
  private static final int LARGEST_HEAD_DIM = 128;

  private Int8Layouts() {}

  /** A number of 16 bits as a float. */
  private static float number(HalfFloatArray numbers, int at, int bf16) {
    float number;
    if (bf16 == 1) {
      number = BFloat16.bf16ToFloat(numbers.get(at).getHalfFloatValue());
    } else {
      number = numbers.get(at).getFloat32();
    }
    return number;
  }

  /** The absolute value; infinite for what is not finite, since the device's max drops NaN. */
  private static float size(float number) {
    float size = TornadoMath.abs(number);
    // The difference is 0 for finite numbers alone.
    if (size - size != 0f) {
      size = Float.POSITIVE_INFINITY;
    }
    return size;
  }

  private static byte rounded(float steps) {
    return (byte) (int) TornadoMath.floor(steps + 0.5f);
  }

  /**
   * Sums of the keys {@code [batch, tokens, kvHeads, headDim]} over stretches of {@link #STRETCH}
   * tokens. Group x is a stretch, group y is {@code sequence · kvHeads + head}.
   *
   * @param sums receives {@code [batch, kvHeads, stretches, headDim]}
   * @param bf16 1 if the keys are bf16, 0 if they are fp16
   */
  static void keySums(
      KernelContext context,
      HalfFloatArray key,
      FloatArray sums,
      int tokens,
      int kvHeads,
      int headDim,
      int bf16) {
    float[] parts = context.allocateFloatLocalArray(THREADS);
    int thread = context.localIdx;
    int sequence = context.groupIdy / kvHeads;
    int head = context.groupIdy % kvHeads;
    int element = thread % headDim;
    int end = TornadoMath.min((context.groupIdx + 1) * STRETCH, tokens);
    float sum = 0f;
    for (int token = context.groupIdx * STRETCH + thread / headDim;
        token < end;
        token += THREADS / headDim) {
      int from = ((sequence * tokens + token) * kvHeads + head) * headDim + element;
      sum += number(key, from, bf16);
    }
    parts[thread] = sum;
    for (int stride = THREADS / 2; stride >= headDim; stride >>= 1) {
      context.localBarrier();
      if (thread < stride) {
        parts[thread] = parts[thread] + parts[thread + stride];
      }
    }
    if (thread < headDim) {
      int stretches = (tokens + STRETCH - 1) / STRETCH;
      int to = (context.groupIdy * stretches + context.groupIdx) * headDim + thread;
      sums.set(to, parts[thread]);
    }
  }

  /**
   * The mean key of each head.
   *
   * @param sums as {@link #keySums} writes them
   * @param means receives {@code [batch, kvHeads, headDim]}; a thread makes one of {@code size}
   */
  static void keyMeans(
      KernelContext context, FloatArray sums, FloatArray means, int tokens, int headDim, int size) {
    int i = context.globalIdx;
    if (i < size) {
      int stretches = (tokens + STRETCH - 1) / STRETCH;
      int from = i / headDim * stretches * headDim + i % headDim;
      float sum = 0f;
      for (int stretch = 0; stretch < stretches; stretch++) {
        sum += sums.get(from + stretch * headDim);
      }
      means.set(i, sum / tokens);
    }
  }

  /**
   * Keys {@code [batch, tokens, kvHeads, headDim]} less their mean to {@code [batch, kvHeads,
   * columns / 8, headDim / 2, 8, 2]}, with the groups and the padding of {@link
   * BlockedLayouts#keys}.
   *
   * @param scales receives each tile's scale, {@code [batch, kvHeads, columns / 32]}
   * @param squares receives each tile's sum of squares, likewise
   * @param bf16 1 if the keys are bf16, 0 if they are fp16
   */
  static void keys(
      KernelContext context,
      HalfFloatArray key,
      FloatArray means,
      ByteArray blocked,
      FloatArray scales,
      FloatArray squares,
      int tokens,
      int kvHeads,
      int headDim,
      int length,
      int paddedLength,
      int stretchTokens,
      int paddedStretches,
      int columns,
      int bf16) {
    float[] tile = context.allocateFloatLocalArray(TILE * (LARGEST_HEAD_DIM + 1));
    float[] highest = context.allocateFloatLocalArray(THREADS);
    float[] sums = context.allocateFloatLocalArray(THREADS);
    int pitch = headDim + 1;
    int thread = context.localIdx;
    int sequence = context.groupIdy / kvHeads;
    int head = context.groupIdy % kvHeads;
    int column = context.groupIdx * TILE;
    int first = BlockedLayouts.token(column, length, paddedLength, stretchTokens, paddedStretches);
    int end =
        BlockedLayouts.end(column, tokens, length, paddedLength, stretchTokens, paddedStretches);
    int element = thread % headDim;
    float mean = means.get(context.groupIdy * headDim + element);
    float high = 0f;
    float sum = 0f;
    for (int i = thread / headDim; i < TILE; i += THREADS / headDim) {
      int token = TornadoMath.min(first + i, end - 1);
      int from = ((sequence * tokens + token) * kvHeads + head) * headDim + element;
      float number = number(key, from, bf16) - mean;
      tile[i * pitch + element] = number;
      high = TornadoMath.max(high, size(number));
      sum += number * number;
    }
    highest[thread] = high;
    sums[thread] = sum;
    for (int stride = THREADS / 2; stride > 0; stride >>= 1) {
      context.localBarrier();
      if (thread < stride) {
        highest[thread] = TornadoMath.max(highest[thread], highest[thread + stride]);
        sums[thread] = sums[thread] + sums[thread + stride];
      }
    }
    context.localBarrier();
    float largest = highest[0];
    if (thread == 0) {
      scales.set(context.groupIdy * (columns / TILE) + context.groupIdx, largest / STEPS);
      squares.set(context.groupIdy * (columns / TILE) + context.groupIdx, sums[0]);
    }
    float inverse = 0f;
    if (largest > 0f && largest - largest == 0f) {
      inverse = STEPS / largest;
    }
    int to = (context.groupIdy * columns + column) * headDim;
    for (int i = thread; i < TILE * headDim; i += THREADS) {
      int row = i / (8 * headDim) * 8 + ((i >> 1) & 7);
      int at = (i >> 4) % (headDim / 2) * 2 + (i & 1);
      blocked.set(to + i, rounded(tile[row * pitch + at] * inverse));
    }
  }

  /**
   * What the error of a query's scores depends on: for each head the mean of the squared scales of
   * its tiles, and of its keys' squared lengths. A work-group per head.
   *
   * @param scales as {@link #keys} writes them; so are the squares
   * @param moments receives {@code [batch, kvHeads, 2]}
   * @param tiles of a head
   */
  static void keyMoments(
      KernelContext context, FloatArray scales, FloatArray squares, FloatArray moments, int tiles) {
    float[] ofScales = context.allocateFloatLocalArray(THREADS);
    float[] ofKeys = context.allocateFloatLocalArray(THREADS);
    int thread = context.localIdx;
    int head = context.groupIdy;
    float scaleSum = 0f;
    float keySum = 0f;
    for (int tile = thread; tile < tiles; tile += THREADS) {
      float scale = scales.get(head * tiles + tile);
      scaleSum += scale * scale;
      keySum += squares.get(head * tiles + tile);
    }
    ofScales[thread] = scaleSum;
    ofKeys[thread] = keySum;
    for (int stride = THREADS / 2; stride > 0; stride >>= 1) {
      context.localBarrier();
      if (thread < stride) {
        ofScales[thread] = ofScales[thread] + ofScales[thread + stride];
        ofKeys[thread] = ofKeys[thread] + ofKeys[thread + stride];
      }
    }
    if (thread == 0) {
      moments.set(2 * head, ofScales[0] / tiles);
      moments.set(2 * head + 1, ofKeys[0] / (TILE * tiles));
    }
  }

  /**
   * Queries {@code [batch, tokens, heads, headDim]} to int8, in the same order. Rounding to steps
   * of a size adds an error whose variance is the squared step / 12, so the variance of a scaled
   * score's error is {@code scale² · (q² · |k|² + k² · |q|²) / 12} with the steps q and k. A query
   * for which that is above the square of {@link #LARGEST_ERROR} gets an infinite factor. Group x
   * is a stretch of {@link #QUERIES} tokens, group y is {@code sequence · heads + head}.
   *
   * @param means as {@link #keyMeans} writes them
   * @param moments as {@link #keyMoments} writes them
   * @param numbers receives the query's scale times {@code scale}, and what the mean key adds to
   *     each of its scores: {@code [batch, tokens, heads, 2]}
   * @param scale 1/√headDim
   * @param bf16 1 if the queries are bf16, 0 if they are fp16
   */
  static void queries(
      KernelContext context,
      HalfFloatArray query,
      FloatArray means,
      FloatArray moments,
      ByteArray rounded,
      FloatArray numbers,
      int tokens,
      int heads,
      int kvHeads,
      int headDim,
      float scale,
      int bf16) {
    float[] highest = context.allocateFloatLocalArray(THREADS);
    float[] sums = context.allocateFloatLocalArray(THREADS);
    float[] products = context.allocateFloatLocalArray(THREADS);
    int thread = context.localIdx;
    int part = thread & 15;
    int sequence = context.groupIdy / heads;
    int head = context.groupIdy % heads;
    int kvHead = sequence * kvHeads + head / (heads / kvHeads);
    int asked = context.groupIdx * QUERIES + (thread >> 4);
    int token = TornadoMath.min(asked, tokens - 1);
    int number = (sequence * tokens + token) * heads + head;
    float high = 0f;
    float sum = 0f;
    float product = 0f;
    for (int element = part; element < headDim; element += 16) {
      float value = number(query, number * headDim + element, bf16);
      high = TornadoMath.max(high, size(value));
      sum += value * value;
      product += value * means.get(kvHead * headDim + element);
    }
    highest[thread] = high;
    sums[thread] = sum;
    products[thread] = product;
    for (int stride = 8; stride > 0; stride >>= 1) {
      context.localBarrier();
      if (part < stride) {
        highest[thread] = TornadoMath.max(highest[thread], highest[thread + stride]);
        sums[thread] = sums[thread] + sums[thread + stride];
        products[thread] = products[thread] + products[thread + stride];
      }
    }
    context.localBarrier();
    int first = thread - part;
    float largest = highest[first];
    float inverse = 0f;
    if (largest > 0f && largest - largest == 0f) {
      inverse = STEPS / largest;
    }
    float step = largest / STEPS;
    float variance =
        scale
            * scale
            * (step * step * moments.get(2 * kvHead + 1) + moments.get(2 * kvHead) * sums[first])
            / 12f;
    float factor = step * scale;
    // A comparison alone does not find NaN.
    if (variance - variance != 0f || variance > LARGEST_ERROR * LARGEST_ERROR) {
      factor = Float.POSITIVE_INFINITY;
    }
    float more = scale * products[first];
    // A query without keys is not computed again, whatever the keys of others are.
    if (more - more != 0f) {
      more = 0f;
    }
    if (asked < tokens) {
      if (part == 0) {
        numbers.set(2 * number, factor);
        numbers.set(2 * number + 1, more);
      }
      for (int element = part; element < headDim; element += 16) {
        int at = number * headDim + element;
        rounded.set(at, rounded(number(query, at, bf16) * inverse));
      }
    }
  }
}
