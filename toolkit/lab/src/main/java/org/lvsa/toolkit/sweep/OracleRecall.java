// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.ReferenceAttention;
import org.lvsa.toolkit.blockpattern.BlockMask;
import org.lvsa.toolkit.blockpattern.HeadSelection;
import org.lvsa.toolkit.blockpattern.SelectedBlocks;

/**
 * How much of what was possible a pattern recalls: the softmax mass on its blocks over the mass on
 * as many blocks of the same sizes that hold the most, both over sampled queries. The number of
 * blocks per row is the pattern's mean, so that a pattern whose rows differ may come above 1.
 */
final class OracleRecall {
  private static final int ROWS = 16;
  private static final int QUERIES_PER_ROW = 64;

  private OracleRecall() {}

  /**
   * The share.
   *
   * @param inputs in the sequence's own order of tokens
   */
  static double of(AttentionInputs inputs, SelectedBlocks blocks, long seed) {
    double[] sums =
        IntStream.range(0, ROWS)
            .parallel()
            .mapToObj(sample -> row(inputs, blocks, new SplittableRandom(seed * 53 + sample)))
            .reduce(new double[2], (a, b) -> new double[] {a[0] + b[0], a[1] + b[1]});
    return sums[0] / sums[1];
  }

  /** The mass that the pattern keeps in a random row, and the most that as many blocks hold. */
  private static double[] row(
      AttentionInputs inputs, SelectedBlocks blocks, SplittableRandom random) {
    int tokens = inputs.shape().tokens();
    int sequence = random.nextInt(inputs.shape().batch());
    int head = random.nextInt(inputs.shape().heads());
    HeadSelection selection = blocks.head(head);
    BlockMask mask = selection.mask();
    int at = random.nextInt(tokens);
    int row = 0;
    int begin = 0;
    while (at >= begin + mask.querySizes()[row]) {
      begin += mask.querySizes()[row++];
    }
    int[] blockOf = blocks(mask.keySizes(), selection.keyOrder().source());
    double[] mass = new double[mask.columns()];
    KeyRanges all = new KeyRanges(0, tokens, new int[] {0}, new int[] {tokens});
    AttentionProblem dense =
        new AttentionProblem(inputs, BlockSparseLayout.dense(inputs.shape().latentFrames()));
    int size = mask.querySizes()[row];
    for (int i = 0; i < Math.min(QUERIES_PER_ROW, size); i++) {
      int position = begin + (size <= QUERIES_PER_ROW ? i : random.nextInt(size));
      int query = selection.queryOrder().source()[position];
      double[] scores = ReferenceAttention.scores(dense, all, sequence, query, head);
      double max = Arrays.stream(scores).max().orElseThrow();
      double total = 0;
      for (int key = 0; key < tokens; key++) {
        scores[key] = Math.exp(scores[key] - max);
        total += scores[key];
      }
      for (int key = 0; key < tokens; key++) {
        mass[blockOf[key]] += scores[key] / total;
      }
    }
    double kept = 0;
    for (int i = mask.indptr()[row]; i < mask.indptr()[row + 1]; i++) {
      kept += mass[mask.indices()[i]];
    }
    int most = (int) Math.max(1, Math.round(mask.densityOfBlocks() * mask.columns()));
    double[] ascending = Arrays.stream(mass).sorted().toArray();
    double best = 0;
    for (int i = 0; i < most; i++) {
      best += ascending[ascending.length - 1 - i];
    }
    return new double[] {kept, best};
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
