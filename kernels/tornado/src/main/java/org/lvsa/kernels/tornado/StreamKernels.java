// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * What a step cache does with a stream of tokens and the copies that are kept of it. All kernels
 * run together, and {@code command} says which of them does something: {@code [kernel, buffer,
 * other, every]}. Buffer 0 is the stream, the others lie one behind the other in {@code kept}.
 */
final class StreamKernels {
  /** {@link #combine} does something. */
  static final int COMBINE = 0;

  /** {@link #changes} does something. */
  static final int CHANGES = 1;

  /** {@link #skip} does something. */
  static final int SKIP = 2;

  /** {@link #squares} does something. */
  static final int SQUARES = 3;

  private StreamKernels() {}

  /** The block that comes next is number {@code command[1]}. */
  static void skip(KernelContext context, IntArray block, IntArray command) {
    if (context.globalIdx == 0 && command.get(0) == SKIP) {
      block.set(0, command.get(1));
    }
  }

  /** {@code buffer = own · buffer + factor · other}, one thread for each number. */
  static void combine(
      KernelContext context,
      FloatArray stream,
      FloatArray kept,
      IntArray command,
      FloatArray factors,
      int elements) {
    int at = context.globalIdx;
    if (at < elements && command.get(0) == COMBINE) {
      int buffer = command.get(1);
      int other = command.get(2);
      float own = factors.get(0);
      float value = 0f;
      if (other == 0) {
        value = stream.get(at) * factors.get(1);
      } else {
        value = kept.get((other - 1) * elements + at) * factors.get(1);
      }
      if (own != 0f) {
        if (buffer == 0) {
          value = value + own * stream.get(at);
        } else {
          value = value + own * kept.get((buffer - 1) * elements + at);
        }
      }
      if (buffer == 0) {
        stream.set(at, value);
      } else {
        kept.set((buffer - 1) * elements + at, value);
      }
    }
  }

  /**
   * Sums of squares, one thread for each token.
   *
   * @param tokens the first ones of the stream
   * @param elements of the whole stream
   */
  static void squares(
      KernelContext context,
      FloatArray stream,
      FloatArray kept,
      IntArray command,
      FloatArray sums,
      int tokens,
      int width,
      int elements) {
    int token = context.globalIdx;
    if (token < tokens && command.get(0) == SQUARES) {
      int buffer = command.get(1);
      float sum = 0f;
      for (int i = 0; i < width; i++) {
        float value = 0f;
        if (buffer == 0) {
          value = stream.get(token * width + i);
        } else {
          value = kept.get((buffer - 1) * elements + token * width + i);
        }
        sum = sum + value * value;
      }
      sums.set(token, sum);
    }
  }

  /**
   * Sums of absolute differences and of absolute values, one thread for each token.
   *
   * @param tokens the first ones of the stream
   * @param elements of the whole stream
   */
  static void changes(
      KernelContext context,
      FloatArray stream,
      FloatArray kept,
      IntArray command,
      FloatArray sums,
      int tokens,
      int width,
      int elements) {
    int token = context.globalIdx;
    if (token < tokens && command.get(0) == CHANGES) {
      int earlier = command.get(1);
      int now = command.get(2);
      int every = command.get(3);
      float difference = 0f;
      float size = 0f;
      for (int i = 0; i < width; i += every) {
        int at = token * width + i;
        float a = 0f;
        if (earlier == 0) {
          a = stream.get(at);
        } else {
          a = kept.get((earlier - 1) * elements + at);
        }
        float b = 0f;
        if (now == 0) {
          b = stream.get(at);
        } else {
          b = kept.get((now - 1) * elements + at);
        }
        difference = difference + TornadoMath.abs(a - b);
        size = size + TornadoMath.abs(a);
      }
      sums.set(token, difference);
      sums.set(tokens + token, size);
    }
  }
}
