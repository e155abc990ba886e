// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/**
 * A convolution as products of matrices: the inputs of each result are gathered into a row, for as
 * many results at a time as keep the rows within 16 MB.
 */
final class GemmConv implements ConvKernel {
  private static final int ELEMENTS = 1 << 22;

  private final ConvGeometry geometry;

  private final Arena arena = Arena.ofShared();

  /** {@code [out, kernelFrames · kernelHeight · kernelWidth · in]}, in the order of a row. */
  private final Matrix weight;

  private final float[] bias;
  private final int columns;

  GemmConv(ConvGeometry geometry, float[] weight, float[] bias) {
    this.geometry = geometry;
    this.bias = bias.clone();
    columns = Math.toIntExact(geometry.weights() / geometry.out());
    int taps = columns / geometry.in();
    float[] reordered = new float[weight.length];
    for (int o = 0; o < geometry.out(); o++) {
      for (int i = 0; i < geometry.in(); i++) {
        for (int tap = 0; tap < taps; tap++) {
          reordered[(o * taps + tap) * geometry.in() + i] =
              weight[(o * geometry.in() + i) * taps + tap];
        }
      }
    }
    this.weight =
        new Matrix(
            arena.allocateFrom(ValueLayout.JAVA_FLOAT, reordered),
            geometry.out(),
            columns,
            columns);
  }

  @Override
  public void run(Volume in, int zeroFrames, Volume out, boolean add) {
    Matrix result = out.matrix();
    if (add) {
      Rows.map(result, result, (index, pixel) -> Floats.add(pixel, bias));
    } else {
      Rows.fill(result, bias);
    }
    int results = result.rows();
    int atOnce = Math.max(1, Math.min(results, ELEMENTS / columns));
    try (Arena ofRun = Arena.ofShared()) {
      MemorySegment gathered = ofRun.allocate((long) atOnce * columns * Float.BYTES, 64);
      Matrix rows = new Matrix(gathered, atOnce, columns, columns);
      for (int first = 0; first < results; first += atOnce) {
        int begin = first;
        int count = Math.min(atOnce, results - first);
        IntStream.range(0, count)
            .parallel()
            .forEach(row -> gather(in, zeroFrames, out, begin + row, gathered, row));
        Gemm.multiplyTransposed(rows.rows(0, count), weight, 1, 1, result.rows(first, count));
      }
    }
  }

  private void gather(
      Volume in, int zeroFrames, Volume out, int result, MemorySegment rows, int row) {
    ConvGeometry g = geometry;
    int x = result % out.width() * g.stride() - g.before();
    int y = result / out.width() % out.height() * g.stride() - g.before();
    int t = result / out.width() / out.height() * g.frameStride() - zeroFrames;
    long pixelBytes = (long) g.in() * Float.BYTES;
    long to = (long) row * columns * Float.BYTES;
    // Neighbouring pixels lie together, so a row of the kernel is one copy.
    int left = Math.max(0, -x);
    int right = Math.min(g.kernelWidth(), in.width() - x);
    for (int kt = 0; kt < g.kernelFrames(); kt++) {
      for (int ky = 0; ky < g.kernelHeight(); ky++) {
        boolean inside = t + kt >= 0 && y + ky >= 0 && y + ky < in.height();
        rows.asSlice(to, g.kernelWidth() * pixelBytes).fill((byte) 0);
        if (inside && right > left) {
          long from = (((long) (t + kt) * in.height() + y + ky) * in.width() + x + left);
          MemorySegment.copy(
              in.memory(),
              from * pixelBytes,
              rows,
              to + left * pixelBytes,
              (right - left) * pixelBytes);
        }
        to += g.kernelWidth() * pixelBytes;
      }
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
