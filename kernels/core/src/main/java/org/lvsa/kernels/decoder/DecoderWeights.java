// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.decoder;

import java.lang.foreign.MemorySegment;

/**
 * The weights of a decoder by the names that published checkpoints have in diffusers' format, such
 * as {@code decoder.conv_in.weight}. They are read while a decoder is opened.
 */
@FunctionalInterface
public interface DecoderWeights {
  /**
   * Copies a whole tensor, widened to float32.
   *
   * @param to filled whole; native memory
   */
  void read(String name, MemorySegment to);
}
