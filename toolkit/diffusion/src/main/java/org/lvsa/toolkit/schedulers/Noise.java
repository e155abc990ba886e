// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.util.stream.IntStream;

/**
 * The noise that a seed stands for: standard normal float32 numbers, the same on every machine and
 * with every Java version.
 *
 * <p>The generator is written out here because Java promises equal sequences of its own good
 * generators only within one program run. It is SplitMix64 (Steele, Lea and Flood, "Fast Splittable
 * Pseudorandom Number Generators", 2014) used by position: word {@code n} of a seed is {@code
 * mix(mix(seed) + (n + 1) · 0x9E3779B97F4A7C15)}. Words {@code 2p} and {@code 2p + 1} give the
 * normal numbers {@code 2p} and {@code 2p + 1} by the transform of Box and Muller, {@code sqrt(−2
 * ln u) · cos(2πv)} and {@code … · sin(2πv)}, where {@code u = (w + 1) / 2^53} and {@code v = w /
 * 2^53} from the upper 53 bits of each word, evaluated in float64 with {@link StrictMath} and
 * rounded once. Every position can be computed alone, so the numbers do not depend on the number of
 * threads.
 */
public final class Noise {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;
  private static final double UNIT = 0x1p-53;
  private static final int PIECE = 1 << 14;

  private Noise() {}

  /** The first {@code count} normal numbers of a seed. */
  public static float[] normal(long seed, int count) {
    return fromWord(mix(seed), count);
  }

  /**
   * As {@link #normal(long, int)}, a piece of noise that is independent of it and of other pieces:
   * the words begin at {@code mix(mix(seed) + mix(piece))}.
   *
   * @param piece which, from 1
   */
  static float[] normal(long seed, int piece, int count) {
    return fromWord(mix(mix(seed) + mix(piece)), count);
  }

  private static float[] fromWord(long start, int count) {
    float[] numbers = new float[count];
    IntStream.range(0, Math.ceilDiv(count, PIECE))
        .parallel()
        .forEach(
            piece -> fill(numbers, start, piece * PIECE, Math.min(count, (piece + 1) * PIECE)));
    return numbers;
  }

  private static void fill(float[] numbers, long start, int from, int to) {
    for (int e = from; e < to; e += 2) {
      double u = ((mix(start + (e + 1L) * GOLDEN_GAMMA) >>> 11) + 1) * UNIT;
      double v = (mix(start + (e + 2L) * GOLDEN_GAMMA) >>> 11) * UNIT;
      double radius = Math.sqrt(-2 * StrictMath.log(u));
      double angle = 2 * Math.PI * v;
      numbers[e] = (float) (radius * StrictMath.cos(angle));
      if (e + 1 < to) {
        numbers[e + 1] = (float) (radius * StrictMath.sin(angle));
      }
    }
  }

  private static long mix(long word) {
    long z = (word ^ (word >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
