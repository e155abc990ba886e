// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Arrays;
import java.util.Map;
import org.lvsa.kernels.BlockSparseLayout;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The equations of the models' attention blocks in plain float64 loops, on {@code [tokens,
 * features]}: written from the models' definitions, with nothing of the adapters in them.
 *
 * @param w the block's tensors
 * @param heads query heads
 * @param kvHeads key/value heads
 * @param axes elements of a head for time, height and width
 * @param theta base of the rotary frequencies
 * @param rows patches along the height
 * @param columns patches along the width
 * @param layout which frames a frame attends to; null for all
 */
record BlockEquations(
    Map<String, INDArray> w,
    int heads,
    int kvHeads,
    int[] axes,
    double theta,
    int rows,
    int columns,
    BlockSparseLayout layout) {

  /** What a block adds to the video and to the encoder's tokens (null: nothing). */
  record Added(double[][] video, double[][] encoder) {}

  static double[][] matrix(INDArray x) {
    return x.castTo(DataType.DOUBLE).toDoubleMatrix();
  }

  private double[] vector(String name) {
    return w.get(name).castTo(DataType.DOUBLE).toDoubleVector();
  }

  private int headDim() {
    return Arrays.stream(axes).sum();
  }

  Added wan(double[][] x, double[][] encoder, boolean image) {
    double[][] q = rotate(rms("attn1.norm_q", linear("attn1.to_q", x)));
    double[][] k = rotate(rms("attn1.norm_k", linear("attn1.to_k", x)));
    double[][] attended = attention(q, k, linear("attn1.to_v", x), x.length);
    double[][] self = linear("attn1.to_out.0", attended);
    int images = image ? encoder.length - 512 : 0;
    double[][] text = Arrays.copyOfRange(encoder, images, encoder.length);
    double[][] query = rms("attn2.norm_q", linear("attn2.to_q", sum(x, self)));
    double[][] cross =
        attention(
            query, rms("attn2.norm_k", linear("attn2.to_k", text)), linear("attn2.to_v", text), 0);
    if (image) {
      double[][] tokens = Arrays.copyOf(encoder, images);
      cross =
          sum(
              cross,
              attention(
                  query,
                  rms("attn2.norm_added_k", linear("attn2.add_k_proj", tokens)),
                  linear("attn2.add_v_proj", tokens),
                  0));
    }
    return new Added(sum(self, linear("attn2.to_out.0", cross)), null);
  }

  Added hunyuan(double[][] x, double[][] text) {
    double[][] q = rotate(rms("attn.norm_q", linear("attn.to_q", x)));
    double[][] k = rotate(rms("attn.norm_k", linear("attn.to_k", x)));
    double[][] out =
        attention(
            joined(q, rms("attn.norm_added_q", linear("attn.add_q_proj", text))),
            joined(k, rms("attn.norm_added_k", linear("attn.add_k_proj", text))),
            joined(linear("attn.to_v", x), linear("attn.add_v_proj", text)),
            x.length);
    return new Added(
        linear("attn.to_out.0", Arrays.copyOf(out, x.length)),
        linear("attn.to_add_out", Arrays.copyOfRange(out, x.length, out.length)));
  }

  Added cogvideox(double[][] x, double[][] text) {
    double[][] both = joined(x, text);
    double[][] q = layerNorm("attn1.norm_q", linear("attn1.to_q", both));
    double[][] k = layerNorm("attn1.norm_k", linear("attn1.to_k", both));
    double[][] out =
        linear(
            "attn1.to_out.0",
            attention(
                joined(
                    rotate(Arrays.copyOf(q, x.length)), Arrays.copyOfRange(q, x.length, q.length)),
                joined(
                    rotate(Arrays.copyOf(k, x.length)), Arrays.copyOfRange(k, x.length, k.length)),
                linear("attn1.to_v", both),
                x.length));
    return new Added(Arrays.copyOf(out, x.length), Arrays.copyOfRange(out, x.length, out.length));
  }

  double[][] linear(String name, double[][] x) {
    double[][] weight = matrix(w.get(name + ".weight"));
    double[] bias = vector(name + ".bias");
    double[][] out = new double[x.length][weight.length];
    for (int t = 0; t < x.length; t++) {
      for (int o = 0; o < weight.length; o++) {
        out[t][o] = bias[o];
        for (int i = 0; i < x[t].length; i++) {
          out[t][o] += x[t][i] * weight[o][i];
        }
      }
    }
    return out;
  }

  double[][] rms(String name, double[][] x) {
    return norm(x, vector(name + ".weight"), null);
  }

  private double[][] layerNorm(String name, double[][] x) {
    return norm(x, vector(name + ".weight"), vector(name + ".bias"));
  }

  /** RMS norm (without bias) or layer norm (with) over stretches as long as the weight. */
  private static double[][] norm(double[][] x, double[] weight, double[] bias) {
    double[][] out = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      out[t] = x[t].clone();
      for (int at = 0; at < out[t].length; at += weight.length) {
        double mean = 0;
        for (int i = 0; i < weight.length && bias != null; i++) {
          mean += out[t][at + i] / weight.length;
        }
        double square = 0;
        for (int i = 0; i < weight.length; i++) {
          square += Math.pow(out[t][at + i] - mean, 2) / weight.length;
        }
        for (int i = 0; i < weight.length; i++) {
          double scaled = (out[t][at + i] - mean) / Math.sqrt(square + 1e-6) * weight[i];
          out[t][at + i] = scaled + (bias == null ? 0 : bias[i]);
        }
      }
    }
    return out;
  }

  double[][] rotate(double[][] x) {
    double[][] out = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      out[t] = x[t].clone();
      int patch = t % (rows * columns);
      int[] place = {t / (rows * columns), patch / columns, patch % columns};
      for (int head = 0; head < out[t].length; head += headDim()) {
        int at = head;
        for (int axis = 0; axis < 3; axis++) {
          for (int i = 0; i < axes[axis]; i += 2, at += 2) {
            double angle = place[axis] * Math.pow(theta, -(double) i / axes[axis]);
            double a = out[t][at];
            double b = out[t][at + 1];
            out[t][at] = a * Math.cos(angle) - b * Math.sin(angle);
            out[t][at + 1] = a * Math.sin(angle) + b * Math.cos(angle);
          }
        }
      }
    }
    return out;
  }

  /** Attention; the first {@code video} tokens follow the layout, the others see all. */
  double[][] attention(double[][] q, double[][] k, double[][] v, int video) {
    int d = headDim();
    int patches = rows * columns;
    double[][] out = new double[q.length][heads * d];
    for (int t = 0; t < q.length; t++) {
      for (int head = 0; head < heads; head++) {
        int at = head * d;
        int from = head / (heads / kvHeads) * d;
        double[] weights = new double[k.length];
        double total = 0;
        for (int o = 0; o < k.length; o++) {
          if (layout != null && t < video && o < video && !attends(t / patches, o / patches)) {
            continue;
          }
          double score = 0;
          for (int i = 0; i < d; i++) {
            score += q[t][at + i] * k[o][from + i];
          }
          weights[o] = Math.exp(score / Math.sqrt(d));
          total += weights[o];
        }
        for (int o = 0; o < k.length; o++) {
          for (int i = 0; i < d; i++) {
            out[t][at + i] += weights[o] / total * v[o][from + i];
          }
        }
      }
    }
    return out;
  }

  private boolean attends(int query, int key) {
    for (int i = 0; i < layout.count(query); i++) {
      if (layout.index(query, i) == key) {
        return true;
      }
    }
    return false;
  }

  static double[][] joined(double[][] a, double[][] b) {
    double[][] all = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return all;
  }

  static double[][] sum(double[][] a, double[][] b) {
    double[][] all = new double[a.length][];
    for (int t = 0; t < a.length; t++) {
      all[t] = a[t].clone();
      for (int i = 0; i < all[t].length; i++) {
        all[t][i] += b[t][i];
      }
    }
    return all;
  }
}
