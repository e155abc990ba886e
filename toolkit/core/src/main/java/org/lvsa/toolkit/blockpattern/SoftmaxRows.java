// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

/**
 * Softmax weights of some queries over all keys of one head, in double precision. Keys are taken in
 * stretches that fit a core's cache, and are turned around there, so that the loop over them needs
 * no sum across lanes and the compiler can use the machine's vectors.
 *
 * @param dim elements of a vector
 * @param query a token's query vector
 * @param key a token's key vector
 * @param keys tokens of the keys, in the order in which their weights are wanted
 */
public record SoftmaxRows(int dim, Vectors query, Vectors key, int[] keys) {
  /** Keys of a stretch: their vectors of 128 elements take 256 KiB. */
  private static final int STRETCH = 256;

  /** Queries that share one pass over the keys at most; their scores are held at once. */
  static final int TOGETHER = 128;

  /** Scores that are held at once at most, unless one query has more: 32 MiB of them. */
  private static final int SCORES = 1 << 22;

  /** Vectors of tokens, read one element at a time. */
  @FunctionalInterface
  public interface Vectors {
    /** An element of a token's vector. */
    float at(int token, int element);
  }

  /** Takes the weights of one query. */
  @FunctionalInterface
  public interface Receiver {
    /**
     * Takes them.
     *
     * @param index of the query among those asked for
     * @param weights one per key, with the sum 1; valid during the call
     */
    void accept(int index, double[] weights);
  }

  /** Hands over the weights of each query, in order. */
  public void forEach(int[] queries, Receiver receiver) {
    int together = Math.clamp(SCORES / Math.max(1, keys.length), 1, TOGETHER);
    double[][] scores = new double[Math.min(together, queries.length)][keys.length];
    double[] turned = new double[dim * STRETCH];
    for (int first = 0; first < queries.length; first += together) {
      int count = Math.min(together, queries.length - first);
      double[][] vectors = vectors(queries, first, count);
      for (int begin = 0; begin < keys.length; begin += STRETCH) {
        int size = Math.min(STRETCH, keys.length - begin);
        turn(begin, size, turned);
        for (int i = 0; i < count; i++) {
          products(vectors[i], turned, size, scores[i], begin);
        }
      }
      for (int i = 0; i < count; i++) {
        softmax(scores[i]);
        receiver.accept(first + i, scores[i]);
      }
    }
  }

  /** The queries' vectors, with the softmax scale in them. */
  private double[][] vectors(int[] queries, int first, int count) {
    double scale = 1 / Math.sqrt(dim);
    double[][] vectors = new double[count][dim];
    for (int i = 0; i < count; i++) {
      for (int d = 0; d < dim; d++) {
        vectors[i][d] = query.at(queries[first + i], d) * scale;
      }
    }
    return vectors;
  }

  private void turn(int begin, int size, double[] turned) {
    // A few elements of all keys at a time: each keeps to few lines of the cache.
    for (int first = 0; first < dim; first += 8) {
      int end = Math.min(dim, first + 8);
      for (int j = 0; j < size; j++) {
        int token = keys[begin + j];
        for (int d = first; d < end; d++) {
          turned[d * STRETCH + j] = key.at(token, d);
        }
      }
    }
  }

  private static void products(
      double[] vector, double[] turned, int size, double[] scores, int begin) {
    double[] sums = new double[STRETCH];
    int d = 0;
    for (; d + 3 < vector.length; d += 4) {
      addFour(vector, d, turned, sums, size);
    }
    for (; d < vector.length; d++) {
      double factor = vector[d];
      int row = d * STRETCH;
      for (int j = 0; j < size; j++) {
        sums[j] += factor * turned[row + j];
      }
    }
    System.arraycopy(sums, 0, scores, begin, size);
  }

  private static void addFour(double[] vector, int d, double[] turned, double[] sums, int size) {
    double a = vector[d];
    double b = vector[d + 1];
    double c = vector[d + 2];
    double e = vector[d + 3];
    int row = d * STRETCH;
    for (int j = 0; j < size; j++) {
      sums[j] +=
          a * turned[row + j]
              + b * turned[row + STRETCH + j]
              + c * turned[row + 2 * STRETCH + j]
              + e * turned[row + 3 * STRETCH + j];
    }
  }

  private static void softmax(double[] scores) {
    double max = Double.NEGATIVE_INFINITY;
    for (double score : scores) {
      max = Math.max(max, score);
    }
    double sum = 0;
    for (int j = 0; j < scores.length; j++) {
      scores[j] = Math.exp(scores[j] - max);
      sum += scores[j];
    }
    double share = 1 / sum;
    for (int j = 0; j < scores.length; j++) {
      scores[j] *= share;
    }
  }
}
