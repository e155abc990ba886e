// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.Arrays;
import org.lvsa.toolkit.layers.Elementwise;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.TimeSinusoid;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Layers that turn what all tokens share, such as the time step, into one vector, and use it. */
final class Condition {
  private Condition() {}

  /**
   * Two linear layers with SiLU between them.
   *
   * @param first takes the input
   * @param second gives the embedding
   */
  record Embedder(Linear first, Linear second) {
    /** The layers {@code linear_1} and {@code linear_2} of a name. */
    static Embedder of(Weights weights, String name) {
      return new Embedder(
          Linear.of(weights, name + ".linear_1"), Linear.of(weights, name + ".linear_2"));
    }

    /** {@code [1, features]} to {@code [1, width]}, a new tensor. */
    INDArray apply(INDArray x) {
      try (INDArray inner = first.apply(x)) {
        Elementwise.silu(inner);
        return second.apply(inner);
      }
    }

    /** The embedding of a time step, {@code [1, width]}. */
    INDArray time(float timestep) {
      try (INDArray sinusoid =
          TimeSinusoid.of(new float[] {timestep}, HunyuanConfig.TIME_FEATURES)) {
        return apply(sinusoid);
      }
    }
  }

  /**
   * The shifts, scales or gates that a layer makes of a condition: SiLU, then the layer, in parts
   * of the width.
   *
   * @param condition {@code [1, width]}, not changed
   * @return one array per part, each in an array of one, as the norms take them
   */
  static float[][][] parts(Linear layer, INDArray condition) {
    try (INDArray activated = condition.dup('c')) {
      Elementwise.silu(activated);
      try (INDArray out = layer.apply(activated)) {
        float[] all = NdMemory.floats(out);
        int width = layer.in();
        float[][][] parts = new float[all.length / width][1][];
        for (int part = 0; part < parts.length; part++) {
          parts[part][0] = Arrays.copyOfRange(all, part * width, (part + 1) * width);
        }
        return parts;
      }
    }
  }

  /** {@code 1 + scale}, which a norm takes as its weight; changes the scale. */
  static float[][] onePlus(float[][] scale) {
    for (int i = 0; i < scale[0].length; i++) {
      scale[0][i] += 1;
    }
    return scale;
  }
}
