// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.toolkit.blockpattern.BatchLayout;
import org.lvsa.toolkit.blockpattern.BlockMask;
import org.lvsa.toolkit.blockpattern.HeadSelection;
import org.lvsa.toolkit.blockpattern.SoftmaxRows;

/**
 * How much of what was possible a pattern recalls: the softmax mass that its queries see over the
 * mass on as many blocks of the same sizes that hold the most, both over sampled queries. The
 * number of blocks per row is the pattern's mean, so that a pattern whose rows differ may come
 * above 1. Blocks that are attended to in part count as the part of a block that they are.
 */
final class OracleRecall {
  private static final int ROWS = 16;
  private static final int QUERIES_PER_ROW = 64;

  private final AttentionInputs inputs;
  private final SparseCase sparse;
  private final BatchLayout computed;
  private final VisibleKeys visible;

  private OracleRecall(AttentionInputs inputs, SparseCase sparse, BatchLayout computed) {
    this.inputs = inputs;
    this.sparse = sparse;
    this.computed = computed;
    visible = new VisibleKeys(inputs.shape(), computed);
  }

  /**
   * The share.
   *
   * @param inputs in the sequence's own order of tokens
   * @param computed what the kernel really computes
   */
  static double of(AttentionInputs inputs, SparseCase sparse, BatchLayout computed, long seed) {
    OracleRecall recall = new OracleRecall(inputs, sparse, computed);
    double[] sums =
        IntStream.range(0, ROWS)
            .parallel()
            .mapToObj(sample -> recall.row(new SplittableRandom(seed * 53 + sample)))
            .reduce(new double[2], (a, b) -> new double[] {a[0] + b[0], a[1] + b[1]});
    return sums[0] / sums[1];
  }

  /** The mass that the pattern keeps in a random row, and the most that as many blocks hold. */
  private double[] row(SplittableRandom random) {
    AttentionShape shape = inputs.shape();
    int tokens = shape.tokens();
    int sequence = random.nextInt(shape.batch());
    int head = random.nextInt(shape.heads());
    HeadSelection selection = sparse.selection(sequence, head);
    BlockMask mask = selection.mask();
    int at = random.nextInt(tokens);
    int row = 0;
    int begin = 0;
    while (at >= begin + mask.querySizes()[row]) {
      begin += mask.querySizes()[row++];
    }
    int first = begin;
    int size = mask.querySizes()[row];
    int[] positions =
        IntStream.range(0, Math.min(QUERIES_PER_ROW, size))
            .map(i -> first + (size <= QUERIES_PER_ROW ? i : random.nextInt(size)))
            .toArray();
    int[] queries = Arrays.stream(positions).map(p -> selection.queryOrder().source()[p]).toArray();
    int[] blockOf = blocks(mask.keySizes(), selection.keyOrder().source());
    double[] mass = new double[mask.columns()];
    double[] kept = new double[1];
    softmax(sequence, head)
        .forEach(
            queries,
            (i, weights) -> {
              for (int key = 0; key < tokens; key++) {
                mass[blockOf[key]] += weights[key];
              }
              kept[0] += sum(weights, visible.of(sequence, head, positions[i]));
            });
    double[] ascending = Arrays.stream(mass).sorted().toArray();
    double best = 0;
    for (int i = 0; i < most(selection, sequence, head); i++) {
      best += ascending[ascending.length - 1 - i];
    }
    return new double[] {kept[0], best};
  }

  /** The pattern's mean number of blocks per row. */
  private int most(HeadSelection selection, int sequence, int head) {
    BlockMask mask = selection.mask();
    double blocks = mask.densityOfBlocks() * mask.columns();
    if (selection.exact().isPresent()) {
      double tokens = inputs.shape().tokens();
      double pairs = computed.sequence(sequence).layout().attendedPairs(inputs.shape(), head);
      blocks *= pairs / (mask.densityOfTokens() * tokens * tokens);
    }
    return Math.clamp(Math.round(blocks), 1, mask.columns());
  }

  private SoftmaxRows softmax(int sequence, int head) {
    AttentionShape shape = inputs.shape();
    DType dtype = inputs.dtype();
    return new SoftmaxRows(
        shape.headDim(),
        (token, d) -> dtype.get(inputs.query(), shape.queryOffset(sequence, token, head) + d),
        (token, d) -> dtype.get(inputs.key(), shape.keyOffset(sequence, token, head) + d),
        TokenOrder.identity(shape.tokens()).source());
  }

  private static double sum(double[] weights, KeyRanges keys) {
    double sum = 0;
    for (int run = 0; run < keys.keyStarts().length; run++) {
      int start = keys.keyStarts()[run];
      for (int key = start; key < start + keys.keyCounts()[run]; key++) {
        sum += weights[key];
      }
    }
    return sum;
  }

  /** The block of keys in which each token stands. */
  private static int[] blocks(int[] sizes, int[] source) {
    int[] blockOf = new int[source.length];
    int position = 0;
    for (int block = 0; block < sizes.length; block++) {
      for (int i = 0; i < sizes[block]; i++) {
        blockOf[source[position++]] = block;
      }
    }
    return blockOf;
  }
}
