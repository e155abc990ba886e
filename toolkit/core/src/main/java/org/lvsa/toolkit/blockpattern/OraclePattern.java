// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Optional;
import java.util.stream.IntStream;
import org.lvsa.kernels.TokenOrder;

/**
 * The blocks that really hold the most softmax mass, found by computing all of it: no pattern of
 * the same blocks and number can recall more. It costs more than dense attention, and is there to
 * be compared with.
 *
 * @param queryBlock tokens per block of queries
 * @param keyBlock tokens per block of keys
 * @param count blocks that a row keeps
 * @param tile order of the tokens before they are cut into blocks; empty for raster order
 */
public record OraclePattern(int queryBlock, int keyBlock, int count, Optional<Tile> tile)
    implements HeadPattern {

  /**
   * @throws IllegalArgumentException if a number is below 1
   */
  public OraclePattern {
    Checks.atLeast("queryBlock", queryBlock, 1);
    Checks.atLeast("keyBlock", keyBlock, 1);
    Checks.atLeast("count", count, 1);
  }

  @Override
  public String name() {
    return "topk";
  }

  @Override
  public HeadSelection select(TokenGrid grid, HeadInputs inputs) {
    TokenOrder order = order(grid);
    double[][] mass = mass(grid, inputs);
    BitSet[] rows =
        Arrays.stream(mass)
            .map(row -> Pooled.first(Pooled.descending(row), count))
            .toArray(BitSet[]::new);
    return HeadSelection.of(
        order,
        Pooled.mask(
            BlockMask.sizes(grid.tokens(), queryBlock),
            BlockMask.sizes(grid.tokens(), keyBlock),
            rows));
  }

  /** The density of tokens that a video's masks have, up to short last blocks. */
  double share(TokenGrid grid) {
    return Math.min(1, (double) count * keyBlock / grid.tokens());
  }

  private TokenOrder order(TokenGrid grid) {
    return tile.map(t -> t.order(grid)).orElseGet(() -> TokenOrder.identity(grid.tokens()));
  }

  /** Four sums at a time: one alone would wait for each addition. */
  private static double dot(float[] a, int fromA, float[] b, int fromB, int dim) {
    double sum0 = 0;
    double sum1 = 0;
    double sum2 = 0;
    double sum3 = 0;
    int d = 0;
    for (; d + 3 < dim; d += 4) {
      sum0 += (double) a[fromA + d] * b[fromB + d];
      sum1 += (double) a[fromA + d + 1] * b[fromB + d + 1];
      sum2 += (double) a[fromA + d + 2] * b[fromB + d + 2];
      sum3 += (double) a[fromA + d + 3] * b[fromB + d + 3];
    }
    for (; d < dim; d++) {
      sum0 += (double) a[fromA + d] * b[fromB + d];
    }
    return sum0 + sum1 + (sum2 + sum3);
  }

  /** Softmax mass of each pair of blocks: all of it sums to the number of tokens. */
  public double[][] mass(TokenGrid grid, HeadInputs inputs) {
    inputs.check(grid);
    int tokens = grid.tokens();
    int dim = inputs.headDim();
    int[] source = order(grid).source();
    int columns = Math.ceilDiv(tokens, keyBlock);
    return IntStream.range(0, Math.ceilDiv(tokens, queryBlock))
        .parallel()
        .mapToObj(
            row -> {
              double[] mass = new double[columns];
              double[] scores = new double[tokens];
              int end = Math.min(tokens, (row + 1) * queryBlock);
              for (int query = row * queryBlock; query < end; query++) {
                for (int key = 0; key < tokens; key++) {
                  double product =
                      dot(
                          inputs.query(),
                          source[query] * dim,
                          inputs.key(),
                          source[key] * dim,
                          dim);
                  scores[key] = product * inputs.scale();
                }
                double[] weights = Pooled.softmax(scores);
                for (int key = 0; key < tokens; key++) {
                  mass[key / keyBlock] += weights[key];
                }
              }
              return mass;
            })
        .toArray(double[][]::new);
  }
}
