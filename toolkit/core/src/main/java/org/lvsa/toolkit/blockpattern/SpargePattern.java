// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import java.util.BitSet;
import java.util.OptionalDouble;
import org.lvsa.kernels.TokenOrder;

/**
 * SpargeAttn (Zhang et al., arXiv 2502.18137), its predicted blocks: blocks whose tokens resemble
 * each other are represented by their mean vectors, and a row keeps the blocks with the largest
 * softmax of the means' products. Blocks whose tokens differ are kept by all rows, and rows whose
 * tokens differ keep everything. The published kernel's further skipping while it runs is not part
 * of the mask.
 *
 * @param queryBlock raster tokens per block of queries; 128 as published
 * @param keyBlock raster tokens per block of keys; 64 as published
 * @param similarity a block is represented by its mean if the mean cosine of its tokens is above
 * @param share share of the blocks that a row keeps; empty if the threshold counts
 * @param threshold share of the softmax that the kept blocks stay within; empty if the share counts
 * @param sink whether all rows keep the first block of keys
 * @param smooth whether the keys' mean is taken off first
 */
public record SpargePattern(
    int queryBlock,
    int keyBlock,
    double similarity,
    OptionalDouble share,
    OptionalDouble threshold,
    boolean sink,
    boolean smooth)
    implements HeadPattern {

  /**
   * @throws IllegalArgumentException if a number is out of range, or not exactly one of share and
   *     threshold is given
   */
  public SpargePattern {
    Checks.atLeast("queryBlock", queryBlock, 1);
    Checks.atLeast("keyBlock", keyBlock, 1);
    if (share.isPresent() == threshold.isPresent()) {
      throw new IllegalArgumentException("sparge needs either a share or a threshold");
    }
    share.ifPresent(value -> Checks.share("share", value));
    threshold.ifPresent(value -> Checks.share("threshold", value));
  }

  @Override
  public String name() {
    return "sparge";
  }

  @Override
  public HeadSelection select(TokenGrid grid, HeadInputs inputs) {
    inputs.check(grid);
    int dim = inputs.headDim();
    TokenOrder order = TokenOrder.identity(grid.tokens());
    int[] querySizes = BlockMask.sizes(grid.tokens(), queryBlock);
    int[] keySizes = BlockMask.sizes(grid.tokens(), keyBlock);
    float[] keys = smooth ? centred(inputs.key(), dim) : inputs.key();
    boolean[] querySimilar = similar(inputs.query(), dim, querySizes, queryBlock);
    boolean[] keySimilar = similar(keys, dim, keySizes, keyBlock);
    double[][] scores =
        Pooled.scores(
            Pooled.means(inputs.query(), dim, order, querySizes),
            Pooled.means(keys, dim, order, keySizes),
            inputs.scale());
    BitSet[] rows = new BitSet[querySizes.length];
    for (int row = 0; row < rows.length; row++) {
      rows[row] = kept(scores[row], keySimilar);
      for (int column = 0; column < keySizes.length; column++) {
        if (!querySimilar[row] || !keySimilar[column] || sink && column == 0) {
          rows[row].set(column);
        }
      }
    }
    return HeadSelection.of(order, Pooled.mask(querySizes, keySizes, rows));
  }

  private BitSet kept(double[] scores, boolean[] keySimilar) {
    double[] represented = scores.clone();
    for (int column = 0; column < represented.length; column++) {
      if (!keySimilar[column]) {
        represented[column] = Double.NEGATIVE_INFINITY;
      }
    }
    double[] weights = Pooled.softmax(represented);
    int[] descending = Pooled.descending(weights);
    int count =
        share.isPresent()
            ? (int) Math.floor((float) share.getAsDouble() * (float) scores.length)
            : Pooled.withinSum(weights, descending, threshold.orElseThrow());
    return Pooled.first(descending, Math.max(1, count));
  }

  private static float[] centred(float[] vectors, int dim) {
    double[] mean = new double[dim];
    for (int i = 0; i < vectors.length; i++) {
      mean[i % dim] += vectors[i];
    }
    float[] centred = new float[vectors.length];
    for (int i = 0; i < vectors.length; i++) {
      centred[i] = (float) (vectors[i] - mean[i % dim] * dim / vectors.length);
    }
    return centred;
  }

  /**
   * Whether each block's tokens resemble each other; a short last block never counts as similar.
   */
  private boolean[] similar(float[] vectors, int dim, int[] sizes, int block) {
    boolean[] similar = new boolean[sizes.length];
    int token = 0;
    for (int i = 0; i < sizes.length; i++) {
      double[] sum = new double[dim];
      for (int end = token + sizes[i]; token < end; token++) {
        double square = 0;
        for (int d = 0; d < dim; d++) {
          square += (double) vectors[token * dim + d] * vectors[token * dim + d];
        }
        double length = Math.sqrt(square);
        for (int d = 0; d < dim; d++) {
          // The published code holds unit vectors in half precision.
          float unit = (float) (vectors[token * dim + d] / length);
          sum[d] += Float.float16ToFloat(Float.floatToFloat16(unit));
        }
      }
      double mean = Arrays.stream(sum).map(s -> s * s).sum() / ((double) sizes[i] * sizes[i]);
      similar[i] = sizes[i] == block && mean > similarity;
    }
    return similar;
  }
}
