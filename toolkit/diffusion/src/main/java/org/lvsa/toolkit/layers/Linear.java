// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.lvsa.toolkit.weights.WeightTensor;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A fully connected layer, {@code y = x · weightᵀ + bias}. A float32 weight is read where it is
 * mapped; a narrower one is widened for each call and the copy is given back, so that a model never
 * takes more memory than its file and one layer.
 */
public final class Linear {
  private final WeightTensor weight;
  private final int in;
  private final int out;
  private final Optional<float[]> bias;

  /**
   * A layer without bias.
   *
   * @param weight {@code [out, in, …]}; further axes count as part of {@code in}
   */
  public Linear(WeightTensor weight) {
    this(weight, Optional.empty());
  }

  private Linear(WeightTensor weight, Optional<float[]> bias) {
    this.weight = weight;
    this.out = weight.size(0);
    this.in = Math.toIntExact(weight.elements() / out);
    this.bias = bias;
  }

  /** The layer of the tensors {@code name.weight} and {@code name.bias}. */
  public static Linear of(Weights weights, String name) {
    return new Linear(weights.get(name + ".weight"), Optional.of(weights.floats(name + ".bias")));
  }

  /** The layer of the tensor {@code name.weight}, without bias. */
  public static Linear withoutBias(Weights weights, String name) {
    return new Linear(weights.get(name + ".weight"));
  }

  /** Features that the layer takes. */
  public int in() {
    return in;
  }

  /** Features that the layer gives. */
  public int out() {
    return out;
  }

  /**
   * Applies the layer to each vector of the last axis.
   *
   * @param x {@code […, in]}, float32, row-major
   * @return {@code […, out]}, a new tensor
   */
  public INDArray apply(INDArray x) {
    if (x.size(-1) != in) {
      throw new IllegalArgumentException(
          weight.name() + " takes " + in + " features, got " + x.size(-1));
    }
    long[] shape = x.shape().clone();
    shape[shape.length - 1] = out;
    return apply(x, shape);
  }

  /**
   * Applies the layer to each stretch of {@code in} features, whatever axes they are spread over.
   * The result has its shape from the start, since ND4J does not free a tensor that is closed under
   * another shape.
   *
   * @param x float32, row-major
   * @param shape of the result
   * @return a new tensor
   */
  public INDArray apply(INDArray x, long[] shape) {
    INDArray y = Nd4j.createUninitialized(DataType.FLOAT, shape);
    apply(Matrix.of(x, in), Matrix.of(y, out));
    return y;
  }

  /** Applies the layer to each row of {@code x} and writes to {@code y}. */
  public void apply(Matrix x, Matrix y) {
    bias.ifPresent(row -> Rows.fill(y, row));
    float keep = bias.isPresent() ? 1 : 0;
    if (weight.isNativeFloat32()) {
      Gemm.multiplyTransposed(x, matrix(weight.data()), 1, keep, y);
      return;
    }
    try (Arena arena = Arena.ofShared()) {
      MemorySegment wide = arena.allocate((long) out * in * Float.BYTES, 64);
      weight.widen(0, wide);
      Gemm.multiplyTransposed(x, matrix(wide), 1, keep, y);
    }
  }

  private Matrix matrix(MemorySegment memory) {
    return new Matrix(memory, out, in, in);
  }
}
