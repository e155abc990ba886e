// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.function.Consumer;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.WeightShare;
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
    return of(WeightShare.WHOLE, weights, prefix, activation);
  }

  /** As {@link #of(Weights, String, Consumer)}, with inner features that ranks divide. */
  static FeedForward of(
      WeightShare share, Weights weights, String prefix, Consumer<INDArray> activation) {
    return new FeedForward(
        share.giving(weights, prefix + "net.0.proj"),
        activation,
        share.taking(weights, prefix + "net.2"));
  }

  /** A new tensor of the shape of {@code x}. */
  INDArray apply(INDArray x) {
    try (INDArray inner = up.apply(x)) {
      activation.accept(inner);
      return down.apply(inner);
    }
  }
}
