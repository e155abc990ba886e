// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.function.Consumer;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Two linear layers with an activation between them.
 *
 * @param up to the inner features
 * @param activation changes them in place
 * @param down back to the width
 */
record FeedForward(Linear up, Consumer<INDArray> activation, Linear down) {
  /** The layers of a name, which ends in a point. */
  static FeedForward of(Weights weights, String prefix, Consumer<INDArray> activation) {
    return new FeedForward(
        Linear.of(weights, prefix + "net.0.proj"),
        activation,
        Linear.of(weights, prefix + "net.2"));
  }

  /** A new tensor of the shape of {@code x}. */
  INDArray apply(INDArray x) {
    try (INDArray inner = up.apply(x)) {
      activation.accept(inner);
      return down.apply(inner);
    }
  }
}
