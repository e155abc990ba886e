// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Locale;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Prints how fast convolutions of the published video autoencoder's sizes are, beside ND4J's matrix
 * product in the same process. Not a test: run it by its main method on an idle machine.
 */
final class ConvSpeed {
  private static final int ROUNDS = 5;

  private ConvSpeed() {}

  /** Measures all kinds of layers. */
  public static void main(String[] args) {
    System.out.printf(Locale.ROOT, "%-44s %10s %10s%n", "layer", "ms", "GFLOP/s");
    gemm();
    convolution("3x3x3 384->384, 4 frames 60x104", ConvGeometry.same(384, 384, 3, 3), 4, 60, 104);
    convolution("3x3x3 192->192, 4 frames 60x104", ConvGeometry.same(192, 192, 3, 3), 4, 60, 104);
    convolution("3x3x3 96->96, 4 frames 120x208", ConvGeometry.same(96, 96, 3, 3), 4, 120, 208);
    convolution("3x3x3 96->3, 4 frames 120x208", ConvGeometry.same(3, 96, 3, 3), 4, 120, 208);
    convolution("1x3x3 192->96, 4 frames 120x208", ConvGeometry.same(96, 192, 1, 3), 4, 120, 208);
    convolution("3x1x1 384->768, 2 frames 60x104", ConvGeometry.same(768, 384, 3, 1), 2, 60, 104);
    convolution("1x1x1 384->192, 4 frames 60x104", ConvGeometry.same(192, 384, 1, 1), 4, 60, 104);
  }

  private static void gemm() {
    int size = 1536;
    try (INDArray a = Nd4j.rand(DataType.FLOAT, size, size);
        INDArray b = Nd4j.rand(DataType.FLOAT, size, size);
        INDArray c = Nd4j.create(DataType.FLOAT, new long[] {size, size}, 'f')) {
      report("ND4J matrix product 1536", 2.0 * size * size * size, () -> a.mmuli(b, c));
    }
  }

  private static void convolution(String name, ConvGeometry g, int frames, int height, int width) {
    float[] weight = new float[(int) g.weights()];
    Arrays.fill(weight, 0.01f);
    for (boolean oneDnn : new boolean[] {true, false}) {
      try (Arena arena = Arena.ofShared();
          Conv3d conv = new Conv3d(g, weight, new float[g.out()], oneDnn)) {
        int kept = g.kernelFrames() - 1;
        Volume in = Volume.allocate(arena, kept + frames, height, width, g.in());
        Volume out = Volume.allocate(arena, frames, height, width, g.out());
        report(
            name + (oneDnn ? ", oneDNN" : ", GEMM"),
            g.flops(out.pixels()),
            () -> conv.apply(in, 0, out, false));
      }
    }
  }

  private static void report(String name, double flops, Runnable work) {
    double best = Double.MAX_VALUE;
    for (int round = 0; round <= ROUNDS; round++) {
      long start = System.nanoTime();
      work.run();
      double seconds = (System.nanoTime() - start) / 1e9;
      best = round == 0 ? best : Math.min(best, seconds);
    }
    System.out.printf(Locale.ROOT, "%-44s %10.1f %10.1f%n", name, best * 1e3, flops / best / 1e9);
  }
}
