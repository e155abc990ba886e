// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Is shown what a model computes on its way, to compare it with another implementation. A tensor
 * belongs to the model and is valid only during the call.
 */
@FunctionalInterface
public interface Observer {
  /** Looks at nothing. */
  Observer NONE = (name, value) -> {};

  /**
   * Is shown a value.
   *
   * @param name which one, such as {@code b0.attn1.q}
   * @param value computes the value where that is needed only for observers
   */
  void see(String name, Supplier<INDArray> value);

  /** Is shown a value that is there anyway. */
  default void see(String name, INDArray value) {
    see(name, () -> value);
  }
}
