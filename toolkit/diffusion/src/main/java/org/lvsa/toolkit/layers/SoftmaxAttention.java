// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Dense softmax attention to a text: few keys, so a stretch of queries sees all of them at once and
 * memory does not grow with queries times keys. Video attends to video by the toolkit's backends,
 * not here.
 */
public final class SoftmaxAttention {
  /** Score elements of a stretch of queries: 2 MB, to stay in the caches. */
  private static final int SCORES = 1 << 19;

  private SoftmaxAttention() {}

  /** Adds a bias to the scores of one query. */
  @FunctionalInterface
  public interface Bias {
    /** No bias. */
    Bias NONE = (head, query, scores) -> {};

    /** Hides the keys behind the query's own place. */
    Bias CAUSAL =
        (head, query, scores) ->
            Arrays.fill(scores, query + 1, scores.length, Float.NEGATIVE_INFINITY);

    /**
     * Adds in place.
     *
     * @param head of the query
     * @param query place of the query in its sequence
     * @param scores one per key
     */
    void add(int head, int query, float[] scores);
  }

  /**
   * Attends with the scale {@code 1/sqrt(headDim)} to all keys.
   *
   * @param query {@code [batch, tokens, heads, headDim]}
   * @param key {@code [batch, keyTokens, heads, headDim]}
   * @param value as key
   * @return {@code [batch, tokens, heads, headDim]}, a new tensor
   */
  public static INDArray attend(INDArray query, INDArray key, INDArray value) {
    int[] keys = new int[Math.toIntExact(query.size(0))];
    Arrays.fill(keys, Math.toIntExact(key.size(1)));
    float scale = (float) (1 / Math.sqrt(query.size(3)));
    return attend(query, key, value, keys, scale, Bias.NONE);
  }

  /**
   * Attends to the first keys of each sequence.
   *
   * @param query {@code [batch, tokens, heads, headDim]}
   * @param key {@code [batch, keyTokens, kvHeads, headDim]}; consecutive query heads, as many for
   *     each, share a key head
   * @param value as key
   * @param keys how many keys of each batch element count; those behind are masked
   * @param scale factor of the scores
   * @param bias added to the scaled scores
   * @return {@code [batch, tokens, heads, headDim]}, a new tensor; zeros where no key counts
   */
  public static INDArray attend(
      INDArray query, INDArray key, INDArray value, int[] keys, float scale, Bias bias) {
    int batch = Math.toIntExact(query.size(0));
    int heads = Math.toIntExact(query.size(2));
    int headDim = Math.toIntExact(query.size(3));
    INDArray out = Nd4j.createUninitialized(DataType.FLOAT, query.shape());
    Matrix queries = Matrix.of(query, heads * headDim);
    int kvHeads = Math.toIntExact(key.size(2));
    int group = heads / kvHeads;
    Matrix allKeys = Matrix.of(key, kvHeads * headDim);
    Matrix allValues = Matrix.of(value, kvHeads * headDim);
    Matrix outs = Matrix.of(out, heads * headDim);
    int tokens = queries.rows() / batch;
    int keyTokens = allKeys.rows() / batch;
    for (int element = 0; element < batch; element++) {
      int count = keys[element];
      if (count == 0) {
        Rows.fill(outs.rows(element * tokens, tokens), new float[heads * headDim]);
        continue;
      }
      int stretch = Math.max(1, Math.min(tokens, SCORES / count));
      try (Arena arena = Arena.ofShared()) {
        Matrix scores =
            new Matrix(
                arena.allocate((long) stretch * count * Float.BYTES, 64), stretch, count, count);
        for (int first = 0; first < tokens; first += stretch) {
          int rows = Math.min(stretch, tokens - first);
          for (int head = 0; head < heads; head++) {
            int column = head * headDim;
            int at = element * tokens + first;
            int shared = head / group * headDim;
            Matrix k = allKeys.rows(element * keyTokens, count).columns(shared, headDim);
            Matrix v = allValues.rows(element * keyTokens, count).columns(shared, headDim);
            Matrix part = scores.rows(0, rows);
            Gemm.multiplyTransposed(
                queries.rows(at, rows).columns(column, headDim), k, scale, 0, part);
            softmax(part, head, first, bias);
            Gemm.multiply(part, v, 1, 0, outs.rows(at, rows).columns(column, headDim));
          }
        }
      }
    }
    return out;
  }

  private static void softmax(Matrix scores, int head, int firstQuery, Bias bias) {
    Rows.map(
        scores,
        scores,
        (index, row) -> {
          bias.add(head, firstQuery + index, row);
          float sum = Floats.exp(row, Floats.max(row));
          Floats.multiply(row, 1 / sum);
        });
  }
}
