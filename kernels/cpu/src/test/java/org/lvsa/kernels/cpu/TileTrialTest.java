// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.cpu.TileTrial.Candidate;
import org.lvsa.kernels.cpu.TileTrial.Choice;
import org.lvsa.kernels.cpu.TileTrial.Product;

class TileTrialTest {
  private long now;

  /** Each sum is a chain in the order of the steps, so it has the bits of a plain loop. */
  @ParameterizedTest
  @ValueSource(strings = {"6x2", "3x3", "8x2"})
  void everyTileComputesTheSameAsAPlainLoop(String name) {
    Candidate tile = TileTrial.named(name);
    int width = tile.columns() * Lanes.LENGTH;
    SplittableRandom random = KernelConformance.random();
    for (int depth : new int[] {1, 2, 5, 40, 128}) {
      float[] a = drawn(random, 136 * KeyTile.STRIDE);
      float[] b = drawn(random, 3 + depth * width);
      float[] before = drawn(random, 5 + tile.rows() * width);
      float[] scores = before.clone();
      tile.scores().run(a, 7, b, 3, scores, 5, depth);
      float[] sums = before.clone();
      tile.accumulate().run(a, 7, b, 3, sums, 5, depth);
      float[] expectedScores = before.clone();
      float[] expectedSums = before.clone();
      for (int row = 0; row < tile.rows(); row++) {
        for (int x = 0; x < width; x++) {
          float score = 0;
          float sum = 0;
          for (int i = 0; i < depth; i++) {
            score = Math.fma(a[7 + row * KeyTile.STRIDE + i], b[3 + i * width + x], score);
            sum = Math.fma(a[7 + i * KeyTile.STRIDE + row], b[3 + i * width + x], sum);
          }
          expectedScores[5 + row * width + x] = score;
          expectedSums[5 + row * width + x] += sum;
        }
      }
      assertArrayEquals(expectedScores, scores, "scores of depth " + depth);
      assertArrayEquals(expectedSums, sums, "accumulate of depth " + depth);
    }
  }

  private static float[] drawn(SplittableRandom random, int length) {
    float[] floats = new float[length];
    for (int i = 0; i < length; i++) {
      floats[i] = (float) random.nextDouble(-1, 1);
    }
    return floats;
  }

  /**
   * A tile whose code takes so long for a vector's multiply-add, once it was called often enough.
   */
  private Candidate candidate(int rows, int columns, double nanos, int slowCalls) {
    int[] calls = new int[1];
    Product product =
        (a, aAt, b, bAt, c, cAt, depth) ->
            now += Math.round((calls[0]++ < slowCalls ? 1000 : 1) * nanos * rows * columns * depth);
    return new Candidate(rows, columns, product, product);
  }

  @Test
  void theFastestIsChosenOnceAllAreCompiled() {
    Candidate spilled = candidate(6, 2, 0.4, 0);
    Candidate slowAtFirst = candidate(3, 3, 0.2, 500);
    assertEquals(
        new Choice(slowAtFirst, true), TileTrial.fastest(List.of(spilled, slowAtFirst), () -> now));
    Candidate best = candidate(6, 2, 0.17, 500);
    assertEquals(
        new Choice(best, true),
        TileTrial.fastest(List.of(best, candidate(3, 3, 0.2, 0)), () -> now));
  }

  /** Else noise would choose, and the bits of a result would differ from run to run. */
  @Test
  void theFirstStaysUnlessAnotherIsClearlyFaster() {
    Candidate first = candidate(6, 2, 0.21, 20);
    assertSame(
        first, TileTrial.fastest(List.of(first, candidate(3, 3, 0.2, 20)), () -> now).tile());
  }

  @Test
  void aTrialEndsEvenIfNothingIsCompiled() {
    List<Candidate> never =
        List.of(candidate(6, 2, 1, Integer.MAX_VALUE), candidate(3, 3, 1, Integer.MAX_VALUE));
    assertEquals(new Choice(never.getFirst(), false), TileTrial.fastest(never, () -> now));
    assertTrue(now < 3_500_000_000L, now + " ns");
  }

  @Test
  void anUnknownTileIsRefused() {
    String said =
        assertThrows(IllegalArgumentException.class, () -> TileTrial.named("9x9")).getMessage();
    assertEquals("a tile is 6x2, 3x3 or 8x2, got 9x9", said);
  }
}
