// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.lvsa.kernels.TokenOrder;

/** Means over blocks of tokens, their scores, and choices among them, in double precision. */
final class Pooled {
  private Pooled() {}

  /**
   * The mean vector of each block.
   *
   * @param vectors {@code [tokens, dim]}
   * @param order order in which the blocks are consecutive
   * @param sizes tokens of each block; later tokens belong to no block
   */
  static double[][] means(float[] vectors, int dim, TokenOrder order, int[] sizes) {
    double[][] means = new double[sizes.length][dim];
    int position = 0;
    for (int block = 0; block < sizes.length; block++) {
      for (int i = 0; i < sizes[block]; i++) {
        int from = order.source()[position++] * dim;
        for (int d = 0; d < dim; d++) {
          means[block][d] += vectors[from + d];
        }
      }
      for (int d = 0; d < dim; d++) {
        means[block][d] /= Math.max(1, sizes[block]);
      }
    }
    return means;
  }

  /** Products of each query with each key, times {@code scale}. */
  static double[][] scores(double[][] queries, double[][] keys, double scale) {
    return IntStream.range(0, queries.length)
        .parallel()
        .mapToObj(
            row -> Arrays.stream(keys).mapToDouble(k -> dot(queries[row], k) * scale).toArray())
        .toArray(double[][]::new);
  }

  static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int d = 0; d < a.length; d++) {
      sum += a[d] * b[d];
    }
    return sum;
  }

  /** Softmax of a row; entries of minus infinity become 0, all of them a row of NaN. */
  static double[] softmax(double[] scores) {
    double max = Arrays.stream(scores).max().orElseThrow();
    double[] weights = Arrays.stream(scores).map(score -> Math.exp(score - max)).toArray();
    double sum = Arrays.stream(weights).sum();
    return Arrays.stream(weights).map(weight -> weight / sum).toArray();
  }

  /** Indices from the largest to the smallest value; of equal values the lower index first. */
  static int[] descending(double[] values) {
    return IntStream.range(0, values.length)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer i) -> -values[i]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /** How many of the descending shares are needed before their sum passes a threshold. */
  static int withinSum(double[] shares, int[] descending, double threshold) {
    double sum = 0;
    int count = 0;
    for (int index : descending) {
      sum += shares[index];
      if (!(sum <= threshold)) {
        break;
      }
      count++;
    }
    return count;
  }

  /** The first {@code count} of some indices. */
  static BitSet first(int[] indices, int count) {
    BitSet kept = new BitSet(indices.length);
    Arrays.stream(indices).limit(count).forEach(kept::set);
    return kept;
  }

  /** A mask from each row's blocks. */
  static BlockMask mask(int[] querySizes, int[] keySizes, BitSet[] rows) {
    return BlockMask.of(querySizes, keySizes, (row, column) -> rows[row].get(column));
  }
}
