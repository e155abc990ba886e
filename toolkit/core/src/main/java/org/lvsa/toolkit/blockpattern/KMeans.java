// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Euclidean k-means over vectors, with the published order of steps: labels and sizes are those of
 * the last assignment, and where the centroids have stopped moving the old ones are kept.
 *
 * @param labels the cluster of each vector
 * @param centroids the clusters' centroids after the last update
 * @param sizes vectors per cluster
 * @param iterations assignments that were made
 */
record KMeans(int[] labels, double[][] centroids, int[] sizes, int iterations) {
  private static final double STILL = 1e-4;

  /**
   * Clusters vectors.
   *
   * @param vectors {@code [count, dim]}
   * @param start the first centroids
   * @param most iterations at most, at least 1
   */
  static KMeans of(float[] vectors, int dim, double[][] start, int most) {
    double[][] centroids = start;
    int[] labels = new int[vectors.length / dim];
    int[] sizes = new int[start.length];
    for (int iteration = 1; ; iteration++) {
      double[][] fixed = centroids;
      IntStream.range(0, labels.length)
          .parallel()
          .forEach(i -> labels[i] = nearest(vectors, i * dim, fixed));
      Arrays.fill(sizes, 0);
      double[][] next = new double[start.length][dim];
      for (int i = 0; i < labels.length; i++) {
        sizes[labels[i]]++;
        for (int d = 0; d < dim; d++) {
          next[labels[i]][d] += vectors[i * dim + d];
        }
      }
      double moved = 0;
      for (int cluster = 0; cluster < next.length; cluster++) {
        double square = 0;
        for (int d = 0; d < dim; d++) {
          next[cluster][d] =
              sizes[cluster] == 0 ? fixed[cluster][d] : next[cluster][d] / sizes[cluster];
          double step = next[cluster][d] - fixed[cluster][d];
          square += step * step;
        }
        moved = Math.max(moved, Math.sqrt(square));
      }
      if (moved < STILL) {
        return new KMeans(labels, fixed, sizes, iteration);
      }
      centroids = next;
      if (iteration >= most) {
        return new KMeans(labels, centroids, sizes, iteration);
      }
    }
  }

  private static int nearest(float[] vectors, int at, double[][] centroids) {
    int best = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int cluster = 0; cluster < centroids.length; cluster++) {
      double square = 0;
      for (int d = 0; d < centroids[cluster].length; d++) {
        double difference = vectors[at + d] - centroids[cluster][d];
        square += difference * difference;
      }
      if (square < least) {
        least = square;
        best = cluster;
      }
    }
    return best;
  }

  /** The vectors' indices, cluster after cluster. */
  int[] byCluster() {
    return IntStream.range(0, labels.length)
        .boxed()
        .sorted(java.util.Comparator.comparingInt((Integer i) -> labels[i]))
        .mapToInt(Integer::intValue)
        .toArray();
  }
}
