// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import java.util.BitSet;
import java.util.OptionalInt;
import org.lvsa.kernels.TokenOrder;

/**
 * Semantic-aware permutation, SVG2 (Yang et al., arXiv 2505.18875): video queries and keys are
 * clustered by k-means, each cluster of queries attends to the clusters of keys that hold a share
 * of the estimated softmax mass. Clusters are the blocks, of any size.
 *
 * <p>With text two clusters are added on both sides: the prompt, which sees and is seen by every
 * video cluster and itself, and the unused room for text, which sees only itself.
 *
 * @param queryStart indices of the tokens whose queries are the first centroids, one per cluster
 * @param keyStart as queryStart, for keys
 * @param iterations of k-means at most
 * @param share of the mass that a row's clusters reach, 0 to 1
 * @param leastShare of the clusters of keys that a row keeps at least, 0 to 1
 * @param prompt valid tokens of the room for text; empty where there is no text
 */
public record Svg2Pattern(
    int[] queryStart,
    int[] keyStart,
    int iterations,
    double share,
    double leastShare,
    OptionalInt prompt)
    implements HeadPattern {

  /**
   * @throws IllegalArgumentException if a number is out of range
   */
  public Svg2Pattern {
    Checks.atLeast("clusters of queries", queryStart.length, 1);
    Checks.atLeast("clusters of keys", keyStart.length, 1);
    Checks.atLeast("iterations", iterations, 1);
    Checks.share("share", share);
    Checks.share("leastShare", leastShare);
  }

  @Override
  public String name() {
    return "svg2";
  }

  @Override
  public HeadSelection select(TokenGrid grid, HeadInputs inputs) {
    inputs.check(grid);
    int dim = inputs.headDim();
    int video = grid.videoTokens();
    KMeans queries = cluster(inputs.query(), dim, video, queryStart);
    KMeans keys = cluster(inputs.key(), dim, video, keyStart);
    BitSet[] rows = rows(queries, keys, inputs.scale());
    int[] querySizes = queries.sizes();
    int[] keySizes = keys.sizes();
    if (grid.text() > 0) {
      int valid = prompt.orElse(grid.text());
      if (valid < 0 || valid > grid.text()) {
        throw new IllegalArgumentException(
            "prompt must be from 0 to the text tokens (" + grid.text() + "), got " + valid);
      }
      rows = withText(rows, querySizes.length, keySizes.length);
      querySizes = append(querySizes, valid, grid.text() - valid);
      keySizes = append(keySizes, valid, grid.text() - valid);
    }
    return new HeadSelection(
        order(grid, queries), order(grid, keys), Pooled.mask(querySizes, keySizes, rows));
  }

  private KMeans cluster(float[] vectors, int dim, int video, int[] start) {
    double[][] centroids =
        Arrays.stream(start)
            .mapToObj(
                token -> {
                  if (token < 0 || token >= video) {
                    throw new IllegalArgumentException(
                        "a first centroid must be a token from 0 to "
                            + (video - 1)
                            + ", got "
                            + token);
                  }
                  double[] centroid = new double[dim];
                  Arrays.setAll(centroid, d -> vectors[token * dim + d]);
                  return centroid;
                })
            .toArray(double[][]::new);
    return KMeans.of(Arrays.copyOf(vectors, video * dim), dim, centroids, iterations);
  }

  private BitSet[] rows(KMeans queries, KMeans keys, double scale) {
    double[][] scores = Pooled.scores(queries.centroids(), keys.centroids(), scale);
    int least = (int) Math.floor(leastShare * keys.sizes().length);
    return Arrays.stream(scores)
        .map(
            row -> {
              double[] weights = weights(row, keys.sizes());
              int[] descending = Pooled.descending(weights);
              int count = 0;
              double before = 0;
              // A cluster is kept if the mass of those before it has not passed the share yet.
              while (count < descending.length && (count == 0 || before <= share)) {
                before += weights[descending[count++]];
              }
              return Pooled.first(descending, Math.max(count, least));
            })
        .toArray(BitSet[]::new);
  }

  private static double[] weights(double[] scores, int[] sizes) {
    double max = Arrays.stream(scores).max().orElseThrow();
    double[] weights = new double[scores.length];
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      weights[i] = sizes[i] * Math.exp(scores[i] - max);
      sum += weights[i];
    }
    for (int i = 0; i < weights.length; i++) {
      weights[i] /= sum;
    }
    return weights;
  }

  private static BitSet[] withText(BitSet[] video, int queries, int keys) {
    BitSet[] rows = Arrays.copyOf(video, queries + 2);
    for (int row = 0; row < queries; row++) {
      rows[row].set(keys);
    }
    rows[queries] = new BitSet();
    rows[queries].set(0, keys + 1);
    rows[queries + 1] = new BitSet();
    rows[queries + 1].set(keys + 1);
    return rows;
  }

  private static int[] append(int[] sizes, int first, int second) {
    int[] longer = Arrays.copyOf(sizes, sizes.length + 2);
    longer[sizes.length] = first;
    longer[sizes.length + 1] = second;
    return longer;
  }

  private static TokenOrder order(TokenGrid grid, KMeans clusters) {
    int[] source = Arrays.copyOf(clusters.byCluster(), grid.tokens());
    for (int text = grid.videoTokens(); text < source.length; text++) {
      source[text] = text;
    }
    return new TokenOrder(source);
  }
}
