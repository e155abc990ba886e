// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/** Takes a library's place on every device: a plain kernel in Java, one thread per query. */
final class JavaSdpa implements Sdpa {
  private final boolean zeros;

  /**
   * @param zeros whether to behave like a library that launches nothing: the output is 0
   */
  JavaSdpa(boolean zeros) {
    this.zeros = zeros;
  }

  @Override
  public void add(GraphTasks tasks, String name, Tensors tensors, Sizes sizes) {
    int size = sizes.batch() * sizes.heads() * sizes.queries();
    FloatArray powers = SdpaKernels.powers();
    tasks.graph().transferToDevice(DataTransferMode.FIRST_EXECUTION, powers);
    tasks.perThread(name, size);
    tasks
        .graph()
        .task(
            name,
            JavaSdpa::attend,
            new KernelContext(),
            (LongArray) tensors.query(),
            (LongArray) tensors.key(),
            (LongArray) tensors.value(),
            (LongArray) tensors.out(),
            powers,
            sizes.queries(),
            sizes.keys(),
            sizes.headDim(),
            zeros ? 0f : sizes.scale(),
            size);
  }

  private static float element(LongArray from, int i, FloatArray powers) {
    return SdpaKernels.half((int) ((from.get(i / 4) >> (16 * (i % 4))) & 0xFFFF), powers);
  }

  /** The bits of the nearest fp16 of a number below 65504; what fp16 has no exponent for is 0. */
  private static long bits(float number) {
    float magnitude = TornadoMath.abs(number);
    int exponent = 15;
    while (magnitude >= 2f && exponent < 30) {
      magnitude = magnitude * 0.5f;
      exponent++;
    }
    while (magnitude < 1f && exponent > 0) {
      magnitude = magnitude * 2f;
      exponent--;
    }
    int fraction = 0;
    if (exponent > 0) {
      // A fraction that rounds up to 1024 carries into the exponent.
      fraction = exponent * 1024 + (int) ((magnitude - 1f) * 1024f + 0.5f);
    }
    if (number < 0f) {
      fraction += 32768;
    }
    return fraction;
  }

  /** A scale of 0 stands for a library that does nothing. */
  static void attend(
      KernelContext context,
      LongArray query,
      LongArray key,
      LongArray value,
      LongArray out,
      FloatArray powers,
      int queries,
      int keys,
      int headDim,
      float scale,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      int first = i / queries * keys;
      float highest = -1e30f;
      for (int j = 0; j < keys; j++) {
        float score = 0f;
        for (int d = 0; d < headDim; d++) {
          score +=
              element(query, i * headDim + d, powers)
                  * element(key, (first + j) * headDim + d, powers);
        }
        highest = TornadoMath.max(highest, score * scale);
      }
      for (int word = 0; word < headDim / 4; word++) {
        float sum = 0f;
        float a = 0f;
        float b = 0f;
        float c = 0f;
        float e = 0f;
        for (int j = 0; j < keys; j++) {
          float score = 0f;
          for (int d = 0; d < headDim; d++) {
            score +=
                element(query, i * headDim + d, powers)
                    * element(key, (first + j) * headDim + d, powers);
          }
          float weight = TornadoMath.exp(score * scale - highest);
          int at = (first + j) * headDim + 4 * word;
          sum += weight;
          a += weight * element(value, at, powers);
          b += weight * element(value, at + 1, powers);
          c += weight * element(value, at + 2, powers);
          e += weight * element(value, at + 3, powers);
        }
        long packed = 0L;
        if (scale != 0f) {
          packed =
              bits(a / sum)
                  + bits(b / sum) * 65536L
                  + ((bits(c / sum) + bits(e / sum) * 65536L) << 32);
        }
        out.set(i * (headDim / 4) + word, packed);
      }
    }
  }
}
