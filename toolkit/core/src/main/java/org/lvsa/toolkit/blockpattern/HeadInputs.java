// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.lang.foreign.MemorySegment;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;

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

  /**
   * One head of a problem, as float32.
   *
   * @param shape sizes of the problem
   * @param dtype how its elements are stored
   * @param query {@code [batch, tokens, heads, headDim]}
   * @param key {@code [batch, tokens, kvHeads, headDim]}
   * @param value as key
   * @param sequence index within the batch
   * @param head index of the query head
   */
  public static HeadInputs of(
      AttentionShape shape,
      DType dtype,
      MemorySegment query,
      MemorySegment key,
      MemorySegment value,
      int sequence,
      int head) {
    int dim = shape.headDim();
    float[][] parts = new float[3][Math.multiplyExact(shape.tokens(), dim)];
    for (int token = 0; token < shape.tokens(); token++) {
      long queryAt = shape.queryOffset(sequence, token, head);
      long keyAt = shape.keyOffset(sequence, token, head);
      for (int d = 0; d < dim; d++) {
        parts[0][token * dim + d] = dtype.get(query, queryAt + d);
        parts[1][token * dim + d] = dtype.get(key, keyAt + d);
        parts[2][token * dim + d] = dtype.get(value, keyAt + d);
      }
    }
    return new HeadInputs(dim, parts[0], parts[1], parts[2]);
  }

  /** Tokens. */
  public int tokens() {
    return query.length / headDim;
  }

  /** The softmax scale, {@code 1/√headDim}. */
  double scale() {
    return 1 / Math.sqrt(headDim);
  }

  /**
   * The softmax weights of queries over all keys.
   *
   * @param keys the keys' tokens in the order in which their weights are wanted
   */
  SoftmaxRows softmax(int[] keys) {
    return new SoftmaxRows(
        headDim,
        (token, d) -> query[token * headDim + d],
        (token, d) -> key[token * headDim + d],
        keys);
  }

  void check(TokenGrid grid) {
    if (tokens() != grid.tokens()) {
      throw new IllegalArgumentException(
          "the video has " + grid.tokens() + " tokens, the inputs " + tokens());
    }
  }
}
