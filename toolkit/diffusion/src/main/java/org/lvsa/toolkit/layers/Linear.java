// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.lvsa.toolkit.parallel.Collectives;
import org.lvsa.toolkit.parallel.Communicator;
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
  private final Optional<float[]> bias;
  private final int out;

  /** The columns of the weight that this layer takes, of all that there are. */
  private final int first;

  private final int in;
  private final int allIn;

  /** Ranks whose results add up to the layer's; alone where the layer takes all columns. */
  private final Communicator adding;

  /**
   * A layer without bias.
   *
   * @param weight {@code [out, in, …]}; further axes count as part of {@code in}
   */
  public Linear(WeightTensor weight) {
    this(weight, Optional.empty());
  }

  /** As {@link #Linear(WeightTensor)}, with a bias for each of the features that it gives. */
  Linear(WeightTensor weight, Optional<float[]> bias) {
    this(weight, bias, Communicator.alone());
  }

  /**
   * A layer of which each rank takes a part of the features and whose results the ranks add up.
   *
   * @param adding the ranks; the features divide among them
   */
  Linear(WeightTensor weight, Optional<float[]> bias, Communicator adding) {
    this.weight = weight;
    this.bias = bias;
    this.adding = adding;
    out = weight.size(0);
    allIn = Math.toIntExact(weight.elements() / out);
    in = allIn / adding.world();
    first = in * adding.rank();
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
    if (adding.world() > 1) {
      multiply(x, 0, y);
      addUp(y);
      return;
    }
    bias.ifPresent(row -> Rows.fill(y, row));
    multiply(x, bias.isPresent() ? 1 : 0, y);
  }

  private void multiply(Matrix x, float keep, Matrix y) {
    if (weight.isNativeFloat32()) {
      Matrix all = new Matrix(weight.data(), out, allIn, allIn);
      Gemm.multiplyTransposed(x, all.columns(first, in), 1, keep, y);
      return;
    }
    try (Arena arena = Arena.ofShared()) {
      MemorySegment wide = arena.allocate((long) out * in * Float.BYTES, 64);
      if (in == allIn) {
        weight.widen(0, wide);
      } else {
        weight.widenColumns(allIn, first, in, wide);
      }
      Gemm.multiplyTransposed(x, new Matrix(wide, out, in, in), 1, keep, y);
    }
  }

  /** Adds the ranks' results, in their order, and then the bias. */
  private void addUp(Matrix y) {
    float[] mine = new float[Math.multiplyExact(y.rows(), y.columns())];
    float[] row = new float[y.columns()];
    for (int i = 0; i < y.rows(); i++) {
      Rows.read(y, i, row);
      System.arraycopy(row, 0, mine, i * row.length, row.length);
    }
    float[] sum = new Collectives(adding).allReduce(mine, Collectives.Reduction.SUM);
    Rows.map(
        y,
        y,
        (index, to) -> {
          System.arraycopy(sum, index * to.length, to, 0, to.length);
          bias.ifPresent(terms -> Floats.add(to, terms));
        });
  }
}
