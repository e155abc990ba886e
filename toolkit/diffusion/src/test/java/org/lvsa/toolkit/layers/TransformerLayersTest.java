// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.apache.commons.math3.special.Erf;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.TestWeights;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Each layer against the same formula written out in float64. Sizes and inputs are random. */
class TransformerLayersTest {
  private static final double TOLERANCE = 2e-6;

  private final long seed = new Random().nextLong();
  private final Random random = new Random(seed);

  private int size(int most) {
    return 1 + random.nextInt(most);
  }

  private float[] values(int count, double deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextGaussian() * deviation);
    }
    return values;
  }

  private static INDArray tensor(float[] values, long... shape) {
    return NdMemory.copy(MemorySegment.ofArray(values), shape);
  }

  /** Root mean square of the difference over that of the expected values. */
  private void near(double[] expected, INDArray actual, String what) {
    float[] floats = NdMemory.floats(actual);
    assertEquals(expected.length, floats.length, what + ", seed " + seed);
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow(expected[i] - floats[i], 2);
      size += expected[i] * expected[i];
    }
    double relative = Math.sqrt(difference / Math.max(size, Double.MIN_NORMAL));
    assertTrue(relative <= TOLERANCE, what + " differs by " + relative + ", seed " + seed);
  }

  @RepeatedTest(5)
  void aLinearLayerMultipliesByItsWeightOfAnyType() {
    int rows = size(40);
    int in = size(70);
    int out = size(70);
    float[] x = values(rows * in, 1);
    for (DType dtype : DType.values()) {
      var weight =
          TestWeights.tensor("w", dtype, List.of((long) out, (long) in), values(out * in, 1));
      float[] w = weight.floats();
      double[] expected = new double[rows * out];
      for (int row = 0; row < rows; row++) {
        for (int o = 0; o < out; o++) {
          for (int i = 0; i < in; i++) {
            expected[row * out + o] += (double) x[row * in + i] * w[o * in + i];
          }
        }
      }
      near(expected, new Linear(weight).apply(tensor(x, rows, in)), "linear " + dtype);
    }
  }

  @RepeatedTest(5)
  void normsFollowTheirFormulas() {
    int rows = 2 * size(20);
    int width = 2 + size(90);
    float[] x = values(rows * width, 3);
    float[][] weight = {values(width, 1), values(width, 1)};
    float[][] bias = {values(width, 1), values(width, 1)};
    double[] layer = new double[x.length];
    double[] rms = new double[x.length];
    for (int row = 0; row < rows; row++) {
      double mean = 0;
      double squares = 0;
      for (int i = 0; i < width; i++) {
        mean += x[row * width + i] / (double) width;
        squares += Math.pow(x[row * width + i], 2) / width;
      }
      double variance = 0;
      for (int i = 0; i < width; i++) {
        variance += Math.pow(x[row * width + i] - mean, 2) / width;
      }
      int part = row / (rows / 2);
      for (int i = 0; i < width; i++) {
        int at = row * width + i;
        layer[at] = (x[at] - mean) / Math.sqrt(variance + 1e-6) * weight[part][i] + bias[part][i];
        rms[at] = x[at] / Math.sqrt(squares + 1e-6) * weight[0][i];
      }
    }
    near(layer, Norms.layerNorm(tensor(x, 2, rows / 2, width), weight, bias, 1e-6), "layer norm");
    near(rms, Norms.rmsNorm(tensor(x, rows, width), weight[0], 1e-6), "rms norm");
  }

  @RepeatedTest(3)
  void activationsFollowTheirFormulas() {
    DoubleUnaryOperator tanh =
        x -> x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
    activation(Elementwise::silu, x -> x / (1 + Math.exp(-x)), "silu");
    activation(Elementwise::geluTanh, tanh, "gelu, tanh");
    activation(Elementwise::geluErf, x -> x / 2 * (1 + Erf.erf(x / Math.sqrt(2))), "gelu, erf");
  }

  private interface InPlace {
    void apply(INDArray x);
  }

  private void activation(InPlace activation, DoubleUnaryOperator formula, String what) {
    int rows = size(30);
    int width = size(50);
    float[] x = values(rows * width, 4);
    x[0] = -120;
    x[x.length - 1] = 120;
    double[] expected = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      expected[i] = formula.applyAsDouble(x[i]);
    }
    INDArray tensor = tensor(x, rows, width);
    activation.apply(tensor);
    near(expected, tensor, what);
  }

  @RepeatedTest(5)
  void attentionIsMaskedAndBiasedSoftmax() {
    int batch = size(3);
    int tokens = size(20);
    int keyTokens = size(40);
    int heads = size(4);
    int headDim = size(20);
    float[] q = values(batch * tokens * heads * headDim, 1);
    float[] k = values(batch * keyTokens * heads * headDim, 1);
    float[] v = values(batch * keyTokens * heads * headDim, 1);
    int[] keys = new int[batch];
    for (int b = 0; b < batch; b++) {
      keys[b] = random.nextInt(keyTokens + 1);
    }
    float scale = 0.3f;
    double[] expected = new double[q.length];
    for (int b = 0; b < batch; b++) {
      for (int h = 0; h < heads; h++) {
        for (int t = 0; t < tokens; t++) {
          int query = ((b * tokens + t) * heads + h) * headDim;
          double total = 0;
          for (int j = 0; j < keys[b]; j++) {
            int key = ((b * keyTokens + j) * heads + h) * headDim;
            double score = bias(h, t, j);
            for (int d = 0; d < headDim; d++) {
              score += (double) scale * q[query + d] * k[key + d];
            }
            total += Math.exp(score);
            for (int d = 0; d < headDim; d++) {
              expected[query + d] += Math.exp(score) * v[key + d];
            }
          }
          for (int d = 0; d < headDim && total > 0; d++) {
            expected[query + d] /= total;
          }
        }
      }
    }
    near(
        expected,
        SoftmaxAttention.attend(
            tensor(q, batch, tokens, heads, headDim),
            tensor(k, batch, keyTokens, heads, headDim),
            tensor(v, batch, keyTokens, heads, headDim),
            keys,
            scale,
            (head, query, scores) -> {
              for (int j = 0; j < scores.length; j++) {
                scores[j] += (float) bias(head, query, j);
              }
            }),
        "attention");
  }

  private static double bias(int head, int query, int key) {
    return (float) (0.25 * (key - query) / (head + 1));
  }

  @Test
  void resultsDoNotDependOnWhetherMethodsAreCompiledYet() {
    float[] x = values(999, 2);
    float[] first = mixed(x);
    for (int i = 0; i < 20_000; i++) {
      mixed(x);
    }
    assertArrayEquals(first, mixed(x), "seed " + seed);
  }

  private static float[] mixed(float[] x) {
    float[] y = x.clone();
    Floats.geluTanh(y);
    Floats.silu(y);
    float[] z = y.clone();
    float sum = Floats.exp(z, Floats.max(z));
    z[0] = sum;
    z[1] = Floats.sum(y);
    z[2] = Floats.squares(y, 0.1f);
    return z;
  }

  @Test
  void nanAndInfinityStay() {
    float[] x = {Float.NaN, Float.POSITIVE_INFINITY, 1};
    Floats.silu(x);
    assertTrue(Float.isNaN(x[0]));
    assertEquals(Float.POSITIVE_INFINITY, x[1]);
    float[] y = {1, Float.NaN, 2};
    Floats.exp(y, Floats.max(y));
    assertTrue(Float.isNaN(y[1]));
  }

  @Test
  void matricesThatDoNotFitAreRefusedBeforeNativeCodeSeesThem() {
    INDArray x = tensor(new float[12], 3, 4);
    Matrix matrix = Matrix.of(x, 4);
    assertThrows(IllegalArgumentException.class, () -> matrix.rows(2, 2));
    assertThrows(IllegalArgumentException.class, () -> Gemm.multiply(matrix, matrix, 1, 0, matrix));
    assertThrows(IllegalArgumentException.class, () -> new Matrix(matrix.memory(), 4, 4, 4));
  }
}
