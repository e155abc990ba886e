// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.function.DoubleSupplier;

/**
 * Decides step by step whether the middle blocks of a list are computed, by how much the first
 * blocks' residual differs from the one of the last computed step.
 */
interface Decision {
  /**
   * The next step.
   *
   * @param buffered whether there is an earlier residual to compare with, and to use again
   * @param difference computes the relative difference of the residuals; asked for at most once
   * @return whether the step is taken from the cache
   */
  boolean cached(boolean buffered, DoubleSupplier difference);

  /** The number that the next step will have, from 0. */
  int step();

  /** What decides later steps, as numbers. */
  double[] save();

  /** Goes on from these numbers. */
  void restore(double[] numbers);
}
