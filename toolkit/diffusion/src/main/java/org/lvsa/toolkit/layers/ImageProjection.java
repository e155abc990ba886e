// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * From the tokens that an image encoder makes of a picture to tokens of a transformer: norm,
 * linear, Gaussian error linear unit, linear, norm.
 */
public record ImageProjection(LayerNorm normIn, Linear first, Linear second, LayerNorm normOut) {
  /** The published layers' own, whatever a transformer's configuration says. */
  public static final double EPS = 1e-5;

  /** {@code [batch, tokens, imageWidth]} to {@code [batch, tokens, width]}, a new tensor. */
  public INDArray apply(INDArray tokens) {
    try (INDArray normed = normIn.apply(tokens);
        INDArray inner = first.apply(normed)) {
      Elementwise.geluErf(inner);
      try (INDArray out = second.apply(inner)) {
        return normOut.apply(out);
      }
    }
  }
}
