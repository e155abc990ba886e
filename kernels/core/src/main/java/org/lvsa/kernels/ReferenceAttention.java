// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.Arrays;
import java.util.stream.LongStream;

/**
 * Attention in float64 with plain loops: softmax(q·kᵀ/√headDim)·v, one query at a time, with the
 * query's highest score subtracted before the exponential. It is slow, and every other kernel is
 * compared with it.
 */
public final class ReferenceAttention {
  private ReferenceAttention() {}

  /**
   * Computes the whole problem.
   *
   * @return bytes of working memory: what one thread held at most, times the number of threads
   */
  public static long run(AttentionProblem problem, AttentionOutput output) {
    AttentionShape shape = problem.shape();
    output.check(shape);
    BlockSparseLayout layout = problem.layout();
    int most = 0;
    for (int matrix = 0; matrix < layout.heads(); matrix++) {
      int firstHead = matrix;
      int heads = layout.heads() == 1 ? shape.heads() : 1;
      for (KeyRanges group : KeyRanges.of(shape, layout, matrix)) {
        most = Math.max(most, group.keys());
        long rows = Math.multiplyExact((long) group.queryCount() * heads, (long) shape.batch());
        LongStream.range(0, rows)
            .parallel()
            .forEach(
                row -> {
                  int head = firstHead + (int) (row % heads);
                  int token = group.firstQuery() + (int) (row / heads % group.queryCount());
                  int sequence = (int) (row / heads / group.queryCount());
                  row(problem, output, group, sequence, token, head);
                });
      }
    }
    long perThread = (long) Double.BYTES * ((long) most + shape.headDim());
    return perThread * Runtime.getRuntime().availableProcessors();
  }

  private static void row(
      AttentionProblem problem,
      AttentionOutput output,
      KeyRanges group,
      int sequence,
      int token,
      int head) {
    AttentionShape shape = problem.shape();
    double[] out = new double[shape.headDim()];
    double logSumExp = query(problem, group, sequence, token, head, out);
    long offset = shape.queryOffset(sequence, token, head);
    for (int d = 0; d < out.length; d++) {
      DType.F32.set(output.out(), offset + d, (float) out[d]);
    }
    output
        .logSumExp()
        .ifPresent(lse -> DType.F32.set(lse, offset / shape.headDim(), (float) logSumExp));
  }

  /**
   * Computes the output of one query of one head, and returns its log-sum-exp.
   *
   * @param group the query's group, from {@link KeyRanges#of}
   * @param out receives headDim values
   * @return the natural log-sum-exp of the scaled scores; −∞ if there is no key, or if every score
   *     is −∞
   */
  public static double query(
      AttentionProblem problem, KeyRanges group, int sequence, int token, int head, double[] out) {
    AttentionShape shape = problem.shape();
    KeyRanges keys = group.forQuery(token);
    double[] scores = scores(problem, keys, sequence, token, head);
    double max = Double.NEGATIVE_INFINITY;
    for (double score : scores) {
      max = Math.max(max, score);
    }
    Arrays.fill(out, 0);
    if (scores.length == 0) {
      return Double.NEGATIVE_INFINITY;
    }
    if (max == Double.NEGATIVE_INFINITY) {
      // All weights are e^−∞ = 0, and so is their sum.
      Arrays.fill(out, Double.NaN);
      return Double.NEGATIVE_INFINITY;
    }
    double sum = 0;
    int next = 0;
    for (int run = 0; run < keys.keyStarts().length; run++) {
      for (int j = 0; j < keys.keyCounts()[run]; j++) {
        double weight = Math.exp(scores[next++] - max);
        sum += weight;
        long offset = shape.keyOffset(sequence, keys.keyStarts()[run] + j, head);
        for (int d = 0; d < shape.headDim(); d++) {
          out[d] += weight * problem.dtype().get(problem.value(), offset + d);
        }
      }
    }
    for (int d = 0; d < out.length; d++) {
      out[d] /= sum;
    }
    return max + Math.log(sum);
  }

  /**
   * One query's scaled scores against the keys of a group, in the order of the group's runs. Bands
   * are not looked at: {@link KeyRanges#forQuery} has the keys within them.
   */
  public static double[] scores(
      AttentionProblem problem, KeyRanges group, int sequence, int token, int head) {
    AttentionShape shape = problem.shape();
    DType dtype = problem.dtype();
    int headDim = shape.headDim();
    double[] query = new double[headDim];
    long queryOffset = shape.queryOffset(sequence, token, head);
    for (int d = 0; d < headDim; d++) {
      query[d] = dtype.get(problem.query(), queryOffset + d) * shape.scale();
    }
    double[] scores = new double[group.keys()];
    int next = 0;
    for (int run = 0; run < group.keyStarts().length; run++) {
      for (int j = 0; j < group.keyCounts()[run]; j++) {
        long offset = shape.keyOffset(sequence, group.keyStarts()[run] + j, head);
        double dot = 0;
        for (int d = 0; d < headDim; d++) {
          dot += query[d] * dtype.get(problem.key(), offset + d);
        }
        scores[next++] = dot;
      }
    }
    return scores;
  }
}
