// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

/**
 * Query, key and value of one head of one sequence, each {@code [tokens, headDim]}, row-major.
 *
 * @param headDim elements of a token's vector
 * @param query queries
 * @param key keys, as many as queries
 * @param value values, as many as keys
 */
public record HeadInputs(int headDim, float[] query, float[] key, float[] value) {

  /**
   * @throws IllegalArgumentException if the arrays do not hold the same number of whole vectors
   */
  public HeadInputs {
    Checks.atLeast("headDim", headDim, 1);
    if (query.length % headDim != 0 || query.length != key.length || key.length != value.length) {
      throw new IllegalArgumentException(
          "query, key and value must hold the same number of vectors of "
              + headDim
              + " elements, got "
              + query.length
              + ", "
              + key.length
              + " and "
              + value.length
              + " elements");
    }
  }

  /** Tokens. */
  public int tokens() {
    return query.length / headDim;
  }

  /** The softmax scale, {@code 1/√headDim}. */
  double scale() {
    return 1 / Math.sqrt(headDim);
  }

  void check(TokenGrid grid) {
    if (tokens() != grid.tokens()) {
      throw new IllegalArgumentException(
          "the video has " + grid.tokens() + " tokens, the inputs " + tokens());
    }
  }
}
