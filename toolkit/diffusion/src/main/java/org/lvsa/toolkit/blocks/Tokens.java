// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blocks;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Numbers of tokens, {@code […, width]} in float32: a stream on its way through the blocks, a copy
 * of it, or what blocks added to it. They are a tensor on the CPU ({@link ArrayTokens}) or a buffer
 * of a device; those that work together are of one place.
 */
public interface Tokens extends AutoCloseable {
  /** Whether the others have the same shape. */
  boolean isLike(Tokens other);

  /** How many numbers there are. */
  long elements();

  /** A copy, which the caller frees. */
  Tokens copy();

  /** {@code this = after − this}: what a stream gained since this copy of it. */
  void becomeGain(Tokens after);

  /** {@code this = (this − earlier) / steps}: a divided difference. */
  void becomeSlope(Tokens earlier, int steps);

  /** {@code this = this + factor · other}. */
  void add(float factor, Tokens other);

  /**
   * Sums for each token.
   *
   * @param now other values of the same tokens
   * @param every takes the features 0, {@code every}, {@code 2 · every} and so on
   */
  Changes changes(Tokens now, int every);

  /**
   * Sums for each token, over its features.
   *
   * @param difference of absolute differences
   * @param size of absolute values, the earlier ones
   */
  record Changes(double[] difference, double[] size) {}

  /** The sum of the squares of each token's features. */
  double[] squares();

  /**
   * The numbers as a tensor on the CPU, which the caller frees.
   *
   * @throws IllegalArgumentException saying what is not possible, if they are on a device
   */
  INDArray toArray();

  /** Frees the memory. */
  @Override
  void close();
}
