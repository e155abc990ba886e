// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Query, key and value tensors of the same tokens, float32.
 *
 * @param query {@code [batch, tokens, heads, headDim]}
 * @param key {@code [batch, tokens, kvHeads, headDim]}
 * @param value as key
 */
public record Qkv(INDArray query, INDArray key, INDArray value) implements AutoCloseable {
  /** Tokens per sequence. */
  public int tokens() {
    return Math.toIntExact(query.size(1));
  }

  /**
   * One sequence of these tokens and then the others, in new tensors; these themselves if there are
   * no others.
   */
  public Qkv then(Optional<Qkv> others) {
    return others
        .map(
            next ->
                new Qkv(
                    Nd4j.concat(1, query, next.query),
                    Nd4j.concat(1, key, next.key),
                    Nd4j.concat(1, value, next.value)))
        .orElse(this);
  }

  /** Frees the three tensors, where nobody else holds them. */
  @Override
  public void close() {
    query.close();
    key.close();
    value.close();
  }
}
