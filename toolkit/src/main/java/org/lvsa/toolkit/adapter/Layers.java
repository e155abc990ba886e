// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import org.lvsa.toolkit.model.PatchGrid;
import org.lvsa.toolkit.model.RotaryEmbedding;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/** The layers that blocks are made of. All on {@code [tokens, features]}. */
final class Layers {
  private static final double EPSILON = 1e-6;

  private Layers() {}

  /** {@code x · weightᵀ + bias}. */
  static INDArray linear(Map<String, INDArray> tensors, String name, INDArray x) {
    return x.mmul(tensors.get(name + ".weight").transpose())
        .addiRowVector(tensors.get(name + ".bias"));
  }

  /** x over its root mean square, times the weight; over all features of a token. */
  static INDArray rms(INDArray x, INDArray weight) {
    INDArray squares = x.mul(x).mean(true, 1).addi(EPSILON);
    INDArray inverse = Transforms.pow(squares, -0.5);
    return x.mulColumnVector(inverse).muliRowVector(weight);
  }

  /** The same over each head's features; {@code x} is {@code [tokens, heads · headDim]}. */
  static INDArray rmsOfHeads(INDArray x, INDArray weight) {
    return rms(heads(x, weight.length()), weight).reshape('c', x.size(0), x.size(1));
  }

  /** Layer norm over each head's features. */
  static INDArray layerNormOfHeads(INDArray x, INDArray weight, INDArray bias) {
    INDArray rows = heads(x, weight.length());
    INDArray centred = rows.subColumnVector(rows.mean(true, 1));
    INDArray variance = centred.mul(centred).mean(true, 1).addi(EPSILON);
    INDArray inverse = Transforms.pow(variance, -0.5);
    return centred
        .muliColumnVector(inverse)
        .muliRowVector(weight)
        .addiRowVector(bias)
        .reshape('c', x.size(0), x.size(1));
  }

  private static INDArray heads(INDArray x, long headDim) {
    return x.dup('c').reshape('c', x.length() / headDim, headDim);
  }

  /** Turns every head of every video token by its place. */
  static INDArray rotate(INDArray x, RotaryEmbedding rotary, PatchGrid grid, int headDim) {
    INDArray turned = x.dup('c');
    MemorySegment memory = NdMemory.view(turned);
    float[] all = memory.toArray(ValueLayout.JAVA_FLOAT);
    int row = (int) x.size(1);
    float[] head = new float[headDim];
    for (int token = 0; token < x.size(0); token++) {
      int patch = token % grid.patches();
      float[] turns =
          rotary.at(token / grid.patches(), patch / grid.columns(), patch % grid.columns());
      for (int at = token * row; at < (token + 1) * row; at += headDim) {
        System.arraycopy(all, at, head, 0, headDim);
        RotaryEmbedding.apply(head, turns);
        System.arraycopy(head, 0, all, at, headDim);
      }
    }
    MemorySegment.copy(all, 0, memory, ValueLayout.JAVA_FLOAT, 0, all.length);
    return turned;
  }
}
