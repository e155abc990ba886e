// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.util.Arrays;
import java.util.List;
import org.lvsa.toolkit.layers.Linear;
import org.lvsa.toolkit.layers.Norms;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.Weights;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A layer norm whose result the time step shifts and scales; the time step also gives gates for
 * what comes of it. One norm serves video and text, each with shift, scale and gate of its own.
 */
final class TimedNorm {
  /** Each gives some of the parts. */
  private final List<Linear> linears;

  private final float[] weight;
  private final float[] bias;
  private final double eps;

  private TimedNorm(Weights weights, String prefix, List<String> linears, double eps) {
    this.linears = linears.stream().map(name -> Linear.of(weights, prefix + name)).toList();
    weight = weights.floats(prefix + "norm.weight");
    bias = weights.floats(prefix + "norm.bias");
    this.eps = eps;
  }

  /**
   * A norm of the video alone.
   *
   * @param prefix what the names of its tensors begin with
   */
  static TimedNorm of(Weights weights, String prefix, double eps) {
    return new TimedNorm(weights, prefix, List.of("linear"), eps);
  }

  /**
   * A norm of the video and of the text.
   *
   * @param prefix what the names of its tensors begin with
   */
  static TimedNorm ofBoth(Weights weights, String prefix, double eps) {
    return new TimedNorm(weights, prefix, List.of(CogVideoXNames.VIDEO, CogVideoXNames.TEXT), eps);
  }

  /** What one prediction's time step makes of the norm. */
  final class AtTime {
    /** For each batch element, the parts one after the other. */
    private final float[][] parts;

    private AtTime(float[][] parts) {
      this.parts = parts;
    }

    /**
     * The norm of tokens, scaled and shifted.
     *
     * @param first number of the part that is the shift; the next one is the scale
     * @return a new tensor
     */
    INDArray apply(INDArray x, int first) {
      float[][] factors = part(first + 1);
      float[][] terms = part(first);
      for (int element = 0; element < factors.length; element++) {
        for (int i = 0; i < weight.length; i++) {
          float scale = 1 + factors[element][i];
          factors[element][i] = weight[i] * scale;
          terms[element][i] += bias[i] * scale;
        }
      }
      return Norms.layerNorm(x, factors, terms, eps);
    }

    /** A part, for each batch element. */
    float[][] part(int number) {
      return parts(number, 1);
    }

    /** Some parts one after the other, for each batch element. */
    float[][] parts(int first, int count) {
      int width = weight.length;
      return Arrays.stream(parts)
          .map(row -> Arrays.copyOfRange(row, first * width, (first + count) * width))
          .toArray(float[][]::new);
    }
  }

  /**
   * The norm at a time.
   *
   * @param time the time step's embedding after its activation, {@code [batch, timeWidth]}
   */
  AtTime at(INDArray time) {
    int batch = Math.toIntExact(time.size(0));
    float[][] rows = new float[batch][linears.stream().mapToInt(Linear::out).sum()];
    int at = 0;
    for (Linear linear : linears) {
      try (INDArray some = linear.apply(time)) {
        float[] flat = NdMemory.floats(some);
        for (int element = 0; element < batch; element++) {
          System.arraycopy(flat, element * linear.out(), rows[element], at, linear.out());
        }
      }
      at += linear.out();
    }
    return new AtTime(rows);
  }
}
