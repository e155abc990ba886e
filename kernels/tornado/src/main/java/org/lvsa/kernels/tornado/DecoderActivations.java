// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The types in which a decoder runs: float32 and fp16, which rounds eight times finer than bf16.
 */
sealed interface DecoderActivations<A extends TornadoNativeArray> extends Activations<A>
    permits FloatActivations, HalfActivations {
  /** The kernels of a decoder. */
  DecoderKernels<A> decoder();
}
