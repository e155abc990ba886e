// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.BFloat16;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * Device kernels for linear layers in bf16 whose product has no bias. Arrays have the bits of bf16.
 * A work-group is one token.
 */
final class BiasKernels {
  private BiasKernels() {}

  /**
   * Writes the bias to every token.
   *
   * @param bias {@code [width]}
   * @param y {@code [tokens, width]}
   */
  static void spread(KernelContext context, ShortArray bias, ShortArray y, int width) {
    int base = context.groupIdx * width;
    for (int i = context.localIdx; i < width; i += Bf16TransformerKernels.THREADS) {
      y.set(base + i, bias.get(i));
    }
  }

  /** {@code y = gelu(y + bias)}, with the tanh form of GELU. */
  static void addGelu(KernelContext context, ShortArray bias, ShortArray y, int width) {
    int base = context.groupIdx * width;
    for (int i = context.localIdx; i < width; i += Bf16TransformerKernels.THREADS) {
      float value = BFloat16.bf16ToFloat(y.get(base + i)) + BFloat16.bf16ToFloat(bias.get(i));
      float inner = 0.7978845608f * (value + 0.044715f * value * value * value);
      // tanh by the exponential, which may overflow to infinity: then it is 1.
      float result = value * (1f - 1f / (TornadoMath.exp(2f * inner) + 1f));
      y.set(base + i, BFloat16.bf16FromFloat(result));
    }
  }
}
