// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.attention.Attended;
import org.lvsa.toolkit.wan.WanConfig;
import org.lvsa.toolkit.wan.WanTransformer;
import org.lvsa.toolkit.weights.TestWeights;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Prints how fast the layers of Wan 2.1 1.3B are on three latent frames of 480 x 832, beside ND4J's
 * matrix product of the same sizes in the same process. Not a test: run it by its main method on an
 * idle machine.
 */
final class LayerSpeed {
  private static final int ROUNDS = 5;
  private static final int TOKENS = 3 * 30 * 52;
  private static final int WIDTH = 1536;
  private static final int INNER = 8960;

  private LayerSpeed() {}

  /** Measures all kinds of layers. */
  public static void main(String[] args) {
    System.out.printf(Locale.ROOT, "%-52s %9s %9s %9s%n", "layer", "ms", "GFLOP/s", "GB/s");
    INDArray x = Nd4j.rand(DataType.FLOAT, TOKENS, WIDTH);
    try (INDArray weight = Nd4j.rand(DataType.FLOAT, WIDTH, WIDTH);
        INDArray y = Nd4j.create(DataType.FLOAT, new long[] {TOKENS, WIDTH}, 'f')) {
      INDArray turned = weight.transpose();
      flops("ND4J matrix product 4680x1536x1536", product(WIDTH), () -> x.mmuli(turned, y));
    }
    for (DType dtype : DType.values()) {
      Linear linear = linear(WIDTH, WIDTH, dtype);
      flops("linear 1536 -> 1536, weight " + dtype, product(WIDTH), () -> linear.apply(x).close());
    }
    try (INDArray weight = Nd4j.rand(DataType.FLOAT, INNER, WIDTH);
        INDArray y = Nd4j.create(DataType.FLOAT, new long[] {TOKENS, INNER}, 'f')) {
      INDArray turned = weight.transpose();
      flops("ND4J matrix product 4680x1536x8960", product(INNER), () -> x.mmuli(turned, y));
    }
    Linear up = linear(INNER, WIDTH, DType.F32);
    Linear down = linear(WIDTH, INNER, DType.F32);
    flops(
        "feed-forward 1536 -> 8960 -> 1536 with gelu",
        2 * product(INNER),
        () -> {
          try (INDArray inner = up.apply(x)) {
            Elementwise.geluTanh(inner);
            down.apply(inner).close();
          }
        });
    attention("cross-attention, 512 text tokens, 12 heads of 128", TOKENS, 12, 128);
    attention("text self-attention, 512 tokens, 64 heads of 64", 512, 64, 64);
    elementwise(x);
    block();
  }

  private static void attention(String name, int queries, int heads, int headDim) {
    INDArray q = Nd4j.rand(DataType.FLOAT, 1, queries, heads, headDim);
    INDArray k = Nd4j.rand(DataType.FLOAT, 1, 512, heads, headDim);
    INDArray v = Nd4j.rand(DataType.FLOAT, 1, 512, heads, headDim);
    flops(
        name,
        4.0 * queries * 512 * heads * headDim,
        () -> SoftmaxAttention.attend(q, k, v).close());
  }

  private static void elementwise(INDArray x) {
    float[][] ones = {new float[WIDTH]};
    Arrays.fill(ones[0], 1);
    double bytes = (double) TOKENS * WIDTH * Float.BYTES;
    INDArray y = x.dup('c');
    bytes("layer norm with scale and shift", 2 * bytes, () -> modulate(x, ones));
    bytes("RMS norm", 2 * bytes, () -> Norms.rmsNormInPlace(y, ones[0], 1e-6));
    bytes("gelu (tanh)", 2 * bytes, () -> Elementwise.geluTanh(y));
    bytes("gated sum", 3 * bytes, () -> Elementwise.addGated(y, ones, x));
  }

  private static void modulate(INDArray x, float[][] ones) {
    Norms.layerNorm(x, ones, ones, 1e-6).close();
  }

  /** One whole block and what stands around the blocks, with a self-attention that does nothing. */
  private static void block() {
    WanConfig config =
        new WanConfig(
            1,
            12,
            128,
            INNER,
            new WanConfig.Conditions(256, 4096),
            new WanConfig.Channels(16, 16),
            new WanConfig.Patch(1, 2, 2),
            true,
            new WanConfig.Trained(1024),
            1e-6);
    INDArray latents = Nd4j.rand(DataType.FLOAT, 1, 16, 3, 60, 104);
    INDArray text = Nd4j.rand(DataType.FLOAT, 1, 512, 4096);
    double flops =
        6 * product(WIDTH)
            + 2 * product(INNER)
            + 2 * product(WIDTH) * 512 / TOKENS
            + 4.0 * TOKENS * 512 * WIDTH
            + 2 * product(64)
            + 2.0 * 512 * WIDTH * (4096 + WIDTH);
    try (WanTransformer transformer = WanTransformer.randomWeights(config, 1)) {
      flops(
          "one block without self-attention, and both ends",
          flops,
          () ->
              transformer
                  .predict(
                      latents,
                      500,
                      text,
                      (layer, grid, video, t) ->
                          new Attended(video.value().dup('c'), Optional.empty()))
                  .close());
    }
  }

  private static double product(int out) {
    return 2.0 * TOKENS * WIDTH * out;
  }

  private static Linear linear(int out, int in, DType dtype) {
    float[] values = new float[out * in];
    Arrays.fill(values, 0.01f);
    return new Linear(TestWeights.tensor("w", dtype, List.of((long) out, (long) in), values));
  }

  private static void flops(String name, double flops, Runnable work) {
    double seconds = best(work);
    System.out.printf(
        Locale.ROOT, "%-52s %9.1f %9.1f%n", name, seconds * 1e3, flops / seconds / 1e9);
  }

  private static void bytes(String name, double bytes, Runnable work) {
    double seconds = best(work);
    System.out.printf(
        Locale.ROOT, "%-52s %9.1f %9s %9.1f%n", name, seconds * 1e3, "", bytes / seconds / 1e9);
  }

  private static double best(Runnable work) {
    double best = Double.MAX_VALUE;
    for (int round = 0; round <= ROUNDS; round++) {
      long start = System.nanoTime();
      work.run();
      double seconds = (System.nanoTime() - start) / 1e9;
      best = round == 0 ? best : Math.min(best, seconds);
    }
    return best;
  }
}
