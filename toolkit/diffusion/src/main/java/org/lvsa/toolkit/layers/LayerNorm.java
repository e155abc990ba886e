// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A layer norm with a learned weight and bias for each feature.
 *
 * @param eps added to the variance
 */
public record LayerNorm(float[] weight, float[] bias, double eps) {
  /** The norm of a name. */
  public static LayerNorm of(Weights weights, String name, double eps) {
    return new LayerNorm(weights.floats(name + ".weight"), weights.floats(name + ".bias"), eps);
  }

  /** Names the norm's tensors. */
  public static void addTensors(TensorShapes shapes, String name, int width) {
    shapes.add(name + ".weight", width).add(name + ".bias", width);
  }

  /** A new tensor of the shape of {@code x}. */
  public INDArray apply(INDArray x) {
    return Norms.layerNorm(x, weight, bias, eps);
  }
}
