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

  /** Softmax mass of each pair of blocks: all of it sums to the number of tokens. */
  public double[][] mass(TokenGrid grid, HeadInputs inputs) {
    inputs.check(grid);
    int tokens = grid.tokens();
    int[] source = order(grid).source();
    double[][] mass = new double[Math.ceilDiv(tokens, queryBlock)][Math.ceilDiv(tokens, keyBlock)];
    SoftmaxRows softmax = inputs.softmax(source);
    // Whole rows of blocks, so that no two threads add to the same one.
    int rows = Math.ceilDiv(SoftmaxRows.TOGETHER, queryBlock);
    IntStream.range(0, Math.ceilDiv(mass.length, rows))
        .parallel()
        .forEach(
            part -> {
              int first = part * rows * queryBlock;
              int end = (int) Math.min(tokens, (long) first + (long) rows * queryBlock);
              softmax.forEach(
                  Arrays.copyOfRange(source, first, end),
                  (query, weights) -> add(weights, mass[(first + query) / queryBlock]));
            });
    return mass;
  }

  private void add(double[] weights, double[] mass) {
    for (int column = 0; column < mass.length; column++) {
      int end = Math.min(weights.length, (column + 1) * keyBlock);
      for (int key = column * keyBlock; key < end; key++) {
        mass[column] += weights[key];
      }
    }
  }
}
