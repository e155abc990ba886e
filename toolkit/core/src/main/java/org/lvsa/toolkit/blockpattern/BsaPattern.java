// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import java.util.BitSet;
import java.util.OptionalDouble;
import org.lvsa.kernels.TokenOrder;

/**
 * LongCat-Video's block sparse attention (arXiv 2510.22200), its choice of blocks: cubes of queries
 * and keys, which may differ in size, scored by the product of their mean vectors. A row keeps a
 * fixed number of blocks, or as many as reach a share of the softmax, or the larger of the two.
 *
 * <p>The numbers are truncated as published, so a row may keep nothing; its output is 0.
 *
 * @param queryCube tokens of a cube of queries; divides the video
 * @param keyCube tokens of a cube of keys; divides the video
 * @param sparsity share of blocks that is left out; empty if only the threshold counts
 * @param threshold share of the softmax that the kept blocks stay within; empty if only the number
 *     counts
 */
public record BsaPattern(
    Tile queryCube, Tile keyCube, OptionalDouble sparsity, OptionalDouble threshold)
    implements HeadPattern {

  /**
   * @throws IllegalArgumentException if both sparsity and threshold are empty or one is not within
   *     0 and 1
   */
  public BsaPattern {
    if (sparsity.isEmpty() && threshold.isEmpty()) {
      throw new IllegalArgumentException("bsa needs a sparsity or a threshold");
    }
    sparsity.ifPresent(value -> Checks.share("sparsity", value));
    threshold.ifPresent(value -> Checks.share("threshold", value));
  }

  @Override
  public String name() {
    return "bsa";
  }

  @Override
  public HeadSelection select(TokenGrid grid, HeadInputs inputs) {
    inputs.check(grid);
    if (grid.text() > 0 || !queryCube.divides(grid) || !keyCube.divides(grid)) {
      throw new IllegalArgumentException(
          "bsa takes videos without text that both cubes divide, got " + grid);
    }
    TokenOrder queryOrder = queryCube.order(grid);
    TokenOrder keyOrder = keyCube.order(grid);
    int[] querySizes = queryCube.sizes(grid);
    int[] keySizes = keyCube.sizes(grid);
    double[][] scores =
        Pooled.scores(
            Pooled.means(inputs.query(), inputs.headDim(), queryOrder, querySizes),
            Pooled.means(inputs.key(), inputs.headDim(), keyOrder, keySizes),
            inputs.scale());
    BitSet[] rows = Arrays.stream(scores).map(this::kept).toArray(BitSet[]::new);
    return new HeadSelection(queryOrder, keyOrder, Pooled.mask(querySizes, keySizes, rows));
  }

  private BitSet kept(double[] scores) {
    int[] descending = Pooled.descending(scores);
    int count = sparsity.isPresent() ? (int) ((1 - sparsity.getAsDouble()) * scores.length) : 0;
    if (threshold.isPresent()) {
      count =
          Math.max(
              count, Pooled.withinSum(Pooled.softmax(scores), descending, threshold.getAsDouble()));
    }
    return Pooled.first(descending, count);
  }
}
