// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.tensor.NdMemory;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Query, key and value tensors of the same tokens, float32.
 *
 * @param query {@code [batch, tokens, heads, headDim]}
 * @param key {@code [batch, tokens, kvHeads, headDim]}
 * @param value as key
 * @param counts tokens of each batch element: the rows behind them are padding, which nobody sees;
 *     empty where all elements have all tokens
 */
public record Qkv(INDArray query, INDArray key, INDArray value, List<Integer> counts)
    implements AutoCloseable {
  /** All elements have all tokens. */
  public Qkv(INDArray query, INDArray key, INDArray value) {
    this(query, key, value, List.of());
  }

  /** Tokens per sequence. */
  public int tokens() {
    return Math.toIntExact(query.size(1));
  }

  /** The same tensors, of which each batch element has so many tokens. */
  public Qkv withCounts(List<Integer> tokens) {
    return new Qkv(query, key, value, tokens);
  }

  /** Whether elements have fewer tokens than there are rows. */
  public boolean isRagged() {
    return counts.stream().anyMatch(count -> count != tokens());
  }

  /** A batch element's tokens alone, without padding, in new tensors. */
  public Qkv element(int index) {
    int count = counts.isEmpty() ? tokens() : counts.get(index);
    return new Qkv(rows(query, index, count), rows(key, index, count), rows(value, index, count));
  }

  private static INDArray rows(INDArray all, int index, int count) {
    long row = all.size(2) * all.size(3) * Float.BYTES;
    return NdMemory.copy(
        NdMemory.view(all).asSlice(index * all.size(1) * row, count * row),
        1,
        count,
        all.size(2),
        all.size(3));
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
