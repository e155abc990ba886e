// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/**
 * Chooses the register tile that the JIT compiler made the fastest code for. How well it does with
 * 16 registers depends on its version and on the processor: a tile that it cannot keep in registers
 * runs at half the speed.
 */
final class TileTrial {
  /** The trial itself takes as long as this, once the tiles are compiled. */
  private static final long TRIAL_NANOS = 50_000_000;

  /** Tiles that are not compiled after so long are judged as they are. */
  private static final long WARM_NANOS = 1_500_000_000;

  /**
   * Compiled code takes a tenth of this for a vector's multiply-add, and what ran before it ten
   * times this.
   */
  private static final double COMPILED_NANOS = 2;

  /** A later candidate has to be faster by this, lest noise chooses. */
  private static final double MARGIN = 1.1;

  private static final int DEPTH = 126;

  /** One of the two matrix products. */
  @FunctionalInterface
  interface Product {
    /** As the methods of {@link RegisterTiles}. */
    void run(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth);
  }

  /**
   * A tile that can be chosen.
   *
   * @param rows of the tile
   * @param columns of the tile, in vectors
   * @param scores as {@link RegisterTiles#scores}
   * @param accumulate as {@link RegisterTiles#accumulate}
   */
  record Candidate(int rows, int columns, Product scores, Product accumulate) {
    String name() {
      return rows + "x" + columns;
    }
  }

  /**
   * What a trial found.
   *
   * @param tile the tile to take
   * @param compiled whether all tiles were compiled in time: else their times say little, and
   *     another process should try again
   */
  record Choice(Candidate tile, boolean compiled) {}

  /** What may be fast with 16 registers, the one that is expected to be fastest first. */
  static final List<Candidate> FOR_FEW_REGISTERS =
      List.of(
          new Candidate(6, 2, Tile6x2::scores, Tile6x2::accumulate),
          new Candidate(3, 3, Tile3x3::scores, Tile3x3::accumulate));

  private static final Candidate FOR_MANY_REGISTERS =
      new Candidate(8, 2, Tile8x2::scores, Tile8x2::accumulate);

  private TileTrial() {}

  /**
   * The tile of a name, such as {@code 6x2}.
   *
   * @throws IllegalArgumentException if there is none
   */
  static Candidate named(String name) {
    return Stream.concat(FOR_FEW_REGISTERS.stream(), Stream.of(FOR_MANY_REGISTERS))
        .filter(candidate -> candidate.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("a tile is 6x2, 3x3 or 8x2, got " + name));
  }

  /**
   * The fastest of some tiles: the least time of many runs counts, which neighbours on the machine
   * do not change. The first candidate stays unless another is clearly faster, so that the choice
   * is the same in every process.
   *
   * @param nanos the clock
   */
  static Choice fastest(List<Candidate> candidates, LongSupplier nanos) {
    float[] a = filled(DEPTH * KeyTile.STRIDE);
    float[] b = filled(DEPTH * 3 * Lanes.LENGTH);
    float[] c = filled(9 * 3 * Lanes.LENGTH);
    boolean compiled = warmUp(candidates, a, b, c, nanos);
    double[] best = new double[candidates.size()];
    Arrays.fill(best, Double.POSITIVE_INFINITY);
    long end = nanos.getAsLong() + TRIAL_NANOS;
    do {
      for (int i = 0; i < best.length; i++) {
        best[i] = Math.min(best[i], time(candidates.get(i), a, b, c, nanos));
      }
    } while (nanos.getAsLong() - end < 0);
    int chosen = 0;
    for (int i = 1; i < best.length; i++) {
      chosen = best[i] * MARGIN < best[chosen] ? i : chosen;
    }
    return new Choice(candidates.get(chosen), compiled);
  }

  /**
   * Runs the tiles in turn until the code of all is compiled, or the time for that is over.
   *
   * @return whether all are compiled
   */
  private static boolean warmUp(
      List<Candidate> candidates, float[] a, float[] b, float[] c, LongSupplier nanos) {
    long end = nanos.getAsLong() + WARM_NANOS;
    boolean compiled;
    do {
      compiled = true;
      for (Candidate candidate : candidates) {
        compiled &= time(candidate, a, b, c, nanos) < COMPILED_NANOS;
      }
    } while (!compiled && nanos.getAsLong() - end < 0);
    return compiled;
  }

  /** Nanoseconds for the multiply-add of a vector, as a mean over both products. */
  private static double time(
      Candidate candidate, float[] a, float[] b, float[] c, LongSupplier nanos) {
    long start = nanos.getAsLong();
    candidate.scores().run(a, 0, b, 0, c, 0, DEPTH);
    candidate.accumulate().run(a, 0, b, 0, c, 0, DEPTH);
    return (nanos.getAsLong() - start) / (2.0 * candidate.rows() * candidate.columns() * DEPTH);
  }

  private static float[] filled(int length) {
    float[] floats = new float[length];
    Arrays.fill(floats, 0.5f);
    return floats;
  }
}
