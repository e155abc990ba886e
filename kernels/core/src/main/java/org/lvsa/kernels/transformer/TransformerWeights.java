// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.transformer;

import java.lang.foreign.MemorySegment;

/**
 * The weights of a transformer by the names that published checkpoints have in diffusers' format,
 * such as {@code blocks.0.attn1.to_q.weight}. They are read while a transformer is opened.
 */
@FunctionalInterface
public interface TransformerWeights {
  /**
   * Copies a whole tensor, widened to float32.
   *
   * @param to filled whole; native memory
   */
  void read(String name, MemorySegment to);
}
