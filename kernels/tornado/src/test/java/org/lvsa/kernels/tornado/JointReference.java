// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.lvsa.kernels.BlockRows;
import org.lvsa.kernels.transformer.DeviceTransformer.Forward;
import org.lvsa.kernels.transformer.DeviceTransformer.Turns;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import org.lvsa.kernels.transformer.TransformerWeights;

/**
 * A transformer whose blocks are {@link org.lvsa.kernels.transformer.BlockShape.Joint}, in float64
 * and as plain as the formulas.
 */
final class JointReference {
  private final TransformerShape shape;
  private final TransformerWeights weights;

  JointReference(TransformerShape shape, TransformerWeights weights) {
    this.shape = shape;
    this.weights = weights;
  }

  private double[] tensor(String name, int size) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment to = arena.allocate((long) size * Float.BYTES, 64);
      weights.read(name, to);
      return doubles(to);
    }
  }

  private static double[] doubles(MemorySegment floats) {
    return IntStream.range(0, (int) (floats.byteSize() / Float.BYTES))
        .mapToDouble(i -> floats.getAtIndex(ValueLayout.JAVA_FLOAT, i))
        .toArray();
  }

  /** {@code [tokens, out]}. */
  private double[][] linear(String name, double[][] x, int out) {
    int in = x[0].length;
    double[] weight = tensor(name + ".weight", in * out);
    double[] bias = tensor(name + ".bias", out);
    double[][] y = new double[x.length][out];
    for (int token = 0; token < x.length; token++) {
      for (int o = 0; o < out; o++) {
        double sum = bias[o];
        for (int i = 0; i < in; i++) {
          sum += weight[o * in + i] * x[token][i];
        }
        y[token][o] = sum;
      }
    }
    return y;
  }

  /** Layer norm, scaled and shifted by rows of {@code modulations}. */
  private double[][] modulated(double[][] x, double[] modulations, int row) {
    int width = shape.width();
    double[][] out = new double[x.length][width];
    for (int token = 0; token < x.length; token++) {
      double mean = 0;
      for (double value : x[token]) {
        mean += value / width;
      }
      double variance = 0;
      for (double value : x[token]) {
        variance += (value - mean) * (value - mean) / width;
      }
      for (int i = 0; i < width; i++) {
        out[token][i] =
            (x[token][i] - mean)
                    / Math.sqrt(variance + shape.eps())
                    * (1 + modulations[(row + 1) * width + i])
                + modulations[row * width + i];
      }
    }
    return out;
  }

  private void addGated(double[][] x, double[][] y, double[] modulations, int row) {
    for (int token = 0; token < x.length; token++) {
      for (int i = 0; i < shape.width(); i++) {
        x[token][i] += modulations[row * shape.width() + i] * y[token][i];
      }
    }
  }

  /** RMS norm of each head, and the rotary embedding of a video's tokens, in place. */
  private void normHeads(double[][] x, String name, TransformerVideo video, Turns turns) {
    int headDim = shape.headDim();
    double[] weight = tensor(name + ".weight", headDim);
    for (int token = 0; token < x.length; token++) {
      for (int head = 0; head < shape.heads(); head++) {
        int base = head * headDim;
        double squares = 0;
        for (int i = 0; i < headDim; i++) {
          squares += x[token][base + i] * x[token][base + i] / headDim;
        }
        for (int i = 0; i < headDim; i++) {
          x[token][base + i] *= weight[i] / Math.sqrt(squares + shape.eps());
        }
      }
      if (video != null) {
        turn(x[token], token, video, turns);
      }
    }
  }

  private void turn(double[] x, int token, TransformerVideo video, Turns turns) {
    TransformerShape.Axes axes = shape.axes();
    int frame = token / video.patches();
    int row = token % video.patches() / video.columns();
    int column = token % video.columns();
    for (int head = 0; head < shape.heads(); head++) {
      int base = head * shape.headDim();
      base = turn(x, base, turns.frames(), frame, axes.frames());
      base = turn(x, base, turns.rows(), row, axes.rows());
      turn(x, base, turns.columns(), column, axes.columns());
    }
  }

  private static int turn(double[] x, int base, float[] turns, int place, int pairs) {
    for (int pair = 0; pair < pairs; pair++) {
      double cosine = turns[2 * (place * pairs + pair)];
      double sine = turns[2 * (place * pairs + pair) + 1];
      double first = x[base + 2 * pair];
      double second = x[base + 2 * pair + 1];
      x[base + 2 * pair] = first * cosine - second * sine;
      x[base + 2 * pair + 1] = first * sine + second * cosine;
    }
    return base + 2 * pairs;
  }

  /** Whether a query of video and text together sees a key. */
  private static boolean sees(Forward forward, int query, int key) {
    int patches = forward.video().patches();
    int tokens = forward.video().tokens();
    if (query >= tokens || key >= tokens) {
      return true;
    }
    BlockRows rows = forward.layout().rows(0);
    int frame = query / patches;
    return IntStream.range(0, rows.count(frame))
        .anyMatch(i -> rows.index(frame, i) == key / patches);
  }

  private double[][] attend(double[][][] qkv, Forward forward) {
    int tokens = qkv[0].length;
    int headDim = shape.headDim();
    double[][] out = new double[tokens][shape.width()];
    for (int query = 0; query < tokens; query++) {
      for (int head = 0; head < shape.heads(); head++) {
        int base = head * headDim;
        double[] weight = new double[tokens];
        double sum = 0;
        for (int key = 0; key < tokens; key++) {
          if (sees(forward, query, key)) {
            double score = 0;
            for (int i = 0; i < headDim; i++) {
              score += qkv[0][query][base + i] * qkv[1][key][base + i];
            }
            weight[key] = Math.exp(score / Math.sqrt(headDim));
            sum += weight[key];
          }
        }
        for (int key = 0; key < tokens; key++) {
          for (int i = 0; i < headDim; i++) {
            out[query][base + i] += weight[key] / sum * qkv[2][key][base + i];
          }
        }
      }
    }
    return out;
  }

  private static double[][] joined(double[][] video, double[][] text) {
    double[][] all = new double[video.length + text.length][];
    System.arraycopy(video, 0, all, 0, video.length);
    System.arraycopy(text, 0, all, video.length, text.length);
    return all;
  }

  private static double[][] rows(double[][] all, int first, int end) {
    return Arrays.copyOfRange(all, first, end);
  }

  private void feedForward(String name, double[][] x, double[] modulations) {
    double[][] inner =
        linear(name + ".net.0.proj", modulated(x, modulations, 3), shape.feedForward());
    for (double[] row : inner) {
      for (int i = 0; i < row.length; i++) {
        double value = row[i];
        row[i] =
            value
                / 2
                * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (value + 0.044715 * Math.pow(value, 3))));
      }
    }
    addGated(x, linear(name + ".net.2", inner, shape.width()), modulations, 5);
  }

  private void block(int number, double[][] video, double[][] text, Forward forward) {
    String name = "transformer_blocks." + number + ".";
    int width = shape.width();
    double[][] time = {toDoubles(forward.time())};
    double[] ofVideo = linear(name + "norm1.linear", time, 6 * width)[0];
    double[] ofText = linear(name + "norm1_context.linear", time, 6 * width)[0];
    double[][] videoIn = modulated(video, ofVideo, 0);
    double[][] textIn = modulated(text, ofText, 0);
    String[] videoLayers = {"to_q", "to_k", "to_v"};
    String[] textLayers = {"add_q_proj", "add_k_proj", "add_v_proj"};
    String[] videoNorms = {"norm_q", "norm_k"};
    String[] textNorms = {"norm_added_q", "norm_added_k"};
    double[][][] qkv = new double[3][][];
    for (int i = 0; i < 3; i++) {
      double[][] fromVideo = linear(name + "attn." + videoLayers[i], videoIn, width);
      double[][] fromText = linear(name + "attn." + textLayers[i], textIn, width);
      if (i < 2) {
        normHeads(fromVideo, name + "attn." + videoNorms[i], forward.video(), forward.turns());
        normHeads(fromText, name + "attn." + textNorms[i], null, forward.turns());
      }
      qkv[i] = joined(fromVideo, fromText);
    }
    double[][] out = attend(qkv, forward);
    double[][] videoOut = rows(out, 0, video.length);
    double[][] textOut = rows(out, video.length, out.length);
    addGated(video, linear(name + "attn.to_out.0", videoOut, width), ofVideo, 2);
    addGated(text, linear(name + "attn.to_add_out", textOut, width), ofText, 2);
    feedForward(name + "ff", video, ofVideo);
    feedForward(name + "ff_context", text, ofText);
  }

  private static double[] toDoubles(float[] floats) {
    return IntStream.range(0, floats.length).mapToDouble(i -> floats[i]).toArray();
  }

  /**
   * {@code [outChannels, frames, rows, columns]}.
   *
   * @param blocks that run, in turn
   */
  float[] predict(Forward forward, int... blocks) {
    TransformerShape.Patch patch = shape.patch();
    TransformerVideo video = forward.video();
    double[] latents = doubles(forward.latents());
    double[][] patches = new double[video.tokens()][patch.inChannels() * patch.size()];
    for (int channel = 0; channel < patch.inChannels(); channel++) {
      for (int token = 0; token < patches.length; token++) {
        for (int place = 0; place < patch.size(); place++) {
          patches[token][channel * patch.size() + place] =
              latents[at(video, channel, token, place)];
        }
      }
    }
    double[][] x = linear("x_embedder.proj", patches, shape.width());
    double[] told = doubles(forward.text());
    double[][] text = new double[told.length / shape.width()][];
    for (int i = 0; i < text.length; i++) {
      text[i] = Arrays.copyOfRange(told, i * shape.width(), (i + 1) * shape.width());
    }
    for (int block : blocks) {
      block(block, x, text, forward);
    }
    double[][] in = modulated(x, toDoubles(forward.headTime()), 0);
    double[][] out = linear("proj_out", in, patch.outChannels() * patch.size());
    float[] velocity = new float[video.tokens() * patch.outChannels() * patch.size()];
    for (int channel = 0; channel < patch.outChannels(); channel++) {
      for (int token = 0; token < out.length; token++) {
        for (int place = 0; place < patch.size(); place++) {
          velocity[at(video, channel, token, place)] =
              (float) out[token][channel * patch.size() + place];
        }
      }
    }
    return velocity;
  }

  /** Where the latents have a place of a token's patch. */
  private int at(TransformerVideo video, int channel, int token, int place) {
    TransformerShape.Patch patch = shape.patch();
    int frame = token / video.patches() * patch.frames() + place / (patch.rows() * patch.columns());
    int row =
        token % video.patches() / video.columns() * patch.rows()
            + place / patch.columns() % patch.rows();
    int column = token % video.columns() * patch.columns() + place % patch.columns();
    int rows = video.rows() * patch.rows();
    int columns = video.columns() * patch.columns();
    return ((channel * video.frames() * patch.frames() + frame) * rows + row) * columns + column;
  }
}
