// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Convolutions against the sum that defines them. */
class Conv3dTest {
  private static void fill(Volume volume, SplittableRandom random) {
    for (long e = 0; e < volume.memory().byteSize() / Float.BYTES; e++) {
      volume.memory().setAtIndex(ValueLayout.JAVA_FLOAT, e, (float) random.nextGaussian());
    }
  }

  private static float at(Volume volume, int t, int y, int x, int c) {
    if (t < 0 || y < 0 || x < 0 || y >= volume.height() || x >= volume.width()) {
      return 0;
    }
    long pixel = ((long) t * volume.height() + y) * volume.width() + x;
    return volume.memory().getAtIndex(ValueLayout.JAVA_FLOAT, pixel * volume.channels() + c);
  }

  private static double expected(
      ConvGeometry g, float[] weight, float[] bias, Volume in, int zeros, int[] at) {
    double sum = bias[at[3]];
    int index = at[3] * g.in() * g.kernelFrames() * g.kernelHeight() * g.kernelWidth();
    for (int c = 0; c < g.in(); c++) {
      for (int kt = 0; kt < g.kernelFrames(); kt++) {
        for (int ky = 0; ky < g.kernelHeight(); ky++) {
          for (int kx = 0; kx < g.kernelWidth(); kx++) {
            int t = at[0] * g.frameStride() + kt - zeros;
            int y = at[1] * g.stride() + ky - g.before();
            int x = at[2] * g.stride() + kx - g.before();
            sum += (double) weight[index++] * at(in, t, y, x, c);
          }
        }
      }
    }
    return sum;
  }

  private static ConvGeometry random(SplittableRandom random) {
    int out = random.nextInt(1, 20);
    int in = random.nextInt(1, 20);
    return switch (random.nextInt(5)) {
      case 0 -> ConvGeometry.same(out, in, 3, 3);
      case 1 -> ConvGeometry.same(out, in, 1, 1);
      case 2 -> ConvGeometry.same(out, in, 1, 3);
      case 3 -> new ConvGeometry(out, in, 3, 1, 1, 2, 1, 0, 0);
      default -> new ConvGeometry(out, in, 1, 3, 3, 1, 2, 0, 1);
    };
  }

  /** Kernels, strides, paddings and sizes of all kinds that a video autoencoder has. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void equalsTheDefinition(boolean oneDnn) {
    for (int round = 0; round < 25; round++) {
      long seed = new SplittableRandom().nextLong();
      SplittableRandom random = new SplittableRandom(seed);
      ConvGeometry g = random(random);
      int zeros = g.kernelFrames() == 1 ? 0 : random.nextInt(3);
      int frames = random.nextInt(1, 6) + Math.max(0, g.kernelFrames() - 1 - zeros);
      boolean add = random.nextBoolean();
      String where = "seed " + seed + " " + g + " frames " + frames + " zeros " + zeros;
      float[] weight = new float[(int) g.weights()];
      float[] bias = new float[g.out()];
      for (int i = 0; i < weight.length; i++) {
        weight[i] = (float) random.nextGaussian();
      }
      for (int i = 0; i < bias.length; i++) {
        bias[i] = (float) random.nextGaussian();
      }
      try (Arena arena = Arena.ofShared();
          Conv3d conv = new Conv3d(g, weight, bias, oneDnn)) {
        int height = random.nextInt(2, 9);
        int width = random.nextInt(2, 9);
        Volume in = Volume.allocate(arena, frames, height, width, g.in());
        fill(in, random);
        Volume out =
            Volume.allocate(
                arena, g.framesOut(frames, zeros), g.heightOut(height), g.widthOut(width), g.out());
        fill(out, random);
        Volume before =
            Volume.allocate(arena, out.frames(), out.height(), out.width(), out.channels());
        before.copyFrom(out);
        conv.apply(in, zeros, out, add);
        double scale = Math.sqrt(weight.length / (double) g.out()) * 1e-5;
        for (int t = 0; t < out.frames(); t++) {
          for (int y = 0; y < out.height(); y++) {
            for (int x = 0; x < out.width(); x++) {
              for (int c = 0; c < out.channels(); c++) {
                double sum = expected(g, weight, bias, in, zeros, new int[] {t, y, x, c});
                sum += add ? at(before, t, y, x, c) : 0;
                assertEquals(sum, at(out, t, y, x, c), scale, where);
              }
            }
          }
        }
      }
    }
  }

  /** The same convolution serves stretches of one size and then of another. */
  @Test
  void sizesMayChange() {
    SplittableRandom random = new SplittableRandom(3);
    ConvGeometry g = ConvGeometry.same(8, 8, 3, 3);
    float[] weight =
        random.doubles(g.weights()).collect(Floats::new, Floats::add, (a, b) -> {}).all;
    try (Arena arena = Arena.ofShared();
        Conv3d conv = new Conv3d(g, weight, new float[8])) {
      Volume in = Volume.allocate(arena, 5, 6, 7, 8);
      fill(in, random);
      Volume whole = Volume.allocate(arena, 5, 6, 7, 8);
      conv.apply(in, 2, whole, false);
      Volume first = Volume.allocate(arena, 1, 6, 7, 8);
      conv.apply(in.frames(0, 1), 2, first, false);
      Volume rest = Volume.allocate(arena, 4, 6, 7, 8);
      conv.apply(in.frames(0, 5), 1, rest, false);
      for (int c = 0; c < 8; c++) {
        assertEquals(at(whole, 0, 2, 3, c), at(first, 0, 2, 3, c), 1e-5);
        assertEquals(at(whole, 3, 2, 3, c), at(rest, 2, 2, 3, c), 1e-5);
      }
    }
  }

  private static final class Floats {
    private final float[] all = new float[8 * 8 * 27];
    private int count;

    void add(double x) {
      all[count++] = (float) x;
    }
  }

  @Test
  void sizesThatDoNotFitAreRefused() {
    ConvGeometry g = ConvGeometry.same(2, 3, 3, 3);
    assertThrows(IllegalArgumentException.class, () -> new Conv3d(g, new float[3], new float[2]));
    try (Arena arena = Arena.ofShared();
        Conv3d conv = new Conv3d(g, new float[(int) g.weights()], new float[2])) {
      Volume in = Volume.allocate(arena, 2, 4, 4, 3);
      Volume out = Volume.allocate(arena, 2, 4, 4, 2);
      conv.apply(in, 2, out, false);
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> conv.apply(in, 1, out, false));
      assertTrue(refused.getMessage().contains("2x4x4x3"), refused.getMessage());
    }
    Arena arena = Arena.ofAuto();
    assertThrows(IllegalArgumentException.class, () -> new Volume(arena.allocate(12), 1, 2, 2, 1));
  }
}
