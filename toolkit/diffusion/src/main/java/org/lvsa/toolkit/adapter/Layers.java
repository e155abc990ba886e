// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.lang.foreign.MemorySegment;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/** The layers of the blocks, on {@code [tokens, features]}. */
final class Layers {
  private static final double EPSILON = 1e-6;

  private Layers() {}

  /** {@code x · weightᵀ + bias}. */
  static INDArray linear(INDArray x, INDArray weight, INDArray bias) {
    return x.mmul(weight.transpose()).addiRowVector(bias);
  }

  /**
   * RMS norm: x divided by its root mean square, times the weight. The mean is over groups of as
   * many features as the weight has: all features of a token, or those of one head.
   */
  static INDArray rms(INDArray x, INDArray weight) {
    INDArray rows = groups(x, weight);
    INDArray inverse = Transforms.pow(rows.mul(rows).mean(true, 1).addi(EPSILON), -0.5);
    return rows.mulColumnVector(inverse).muliRowVector(weight).reshape('c', x.shape());
  }

  /** Layer norm over the same groups of features. */
  static INDArray layerNorm(INDArray x, INDArray weight, INDArray bias) {
    INDArray rows = groups(x, weight);
    INDArray centred = rows.subColumnVector(rows.mean(true, 1));
    INDArray variance = centred.mul(centred).mean(true, 1).addi(EPSILON);
    INDArray inverse = Transforms.pow(variance, -0.5);
    return centred
        .muliColumnVector(inverse)
        .muliRowVector(weight)
        .addiRowVector(bias)
        .reshape('c', x.shape());
  }

  private static INDArray groups(INDArray x, INDArray weight) {
    return x.dup('c').reshape('c', x.length() / weight.length(), weight.length());
  }

  /** Applies the rotary embedding to every head of every video token. */
  static INDArray rotate(INDArray heads, RotaryEmbedding rotary, PatchGrid grid, long firstToken) {
    float[] tokens = NdMemory.floats(heads);
    rotary.rotate(tokens, (int) heads.size(2), grid, firstToken);
    return NdMemory.copy(MemorySegment.ofArray(tokens), heads.shape());
  }
}
