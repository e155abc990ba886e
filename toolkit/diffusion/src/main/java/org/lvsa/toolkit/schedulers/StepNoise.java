// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.schedulers;

import java.util.Locale;

/**
 * The noise that a scheduler adds on the way, in the order in which it is drawn. Each piece is
 * found by its number, so that a run that goes on after an interruption draws the same.
 */
@FunctionalInterface
public interface StepNoise {
  /** For a scheduler that draws none. */
  StepNoise NONE =
      (number, count) -> {
        throw new IllegalStateException("this scheduler draws noise, and none was given");
      };

  /**
   * Standard normal numbers.
   *
   * @param number which piece, from 0 in drawing order
   * @param count how many numbers
   */
  float[] draw(int number, int count);

  /**
   * Noise of a seed, other than that of {@link Noise#normal}, which the sample itself begins with.
   */
  static StepNoise of(long seed) {
    return (number, count) -> Noise.normal(seed, number + 1, count);
  }

  /** The name of a piece in a file: {@code noise00}, {@code noise01} and so on. */
  static String name(int number) {
    return String.format(Locale.ROOT, "noise%02d", number);
  }
}
