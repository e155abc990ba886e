// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.ReferenceAttention;

/**
 * How far a sparse result is from the dense one.
 *
 * @param relL2Error ‖sparse − dense‖ / ‖dense‖
 * @param maxAbsError largest absolute difference
 * @param cosine cosine of the angle between the two
 */
record Quality(double relL2Error, double maxAbsError, double cosine) {
  private static final int PIECE = 1 << 20;

  /** Compares two float32 arrays of the same length. */
  static Quality compare(MemorySegment sparse, MemorySegment dense) {
    long elements = dense.byteSize() / Float.BYTES;
    double[] sums =
        IntStream.range(0, Math.toIntExact(Math.ceilDiv(elements, (long) PIECE)))
            .parallel()
            .mapToObj(
                piece ->
                    sums(
                        sparse,
                        dense,
                        (long) piece * PIECE,
                        Math.min((piece + 1L) * PIECE, elements)))
            .reduce(new double[5], Quality::add);
    return new Quality(
        Math.sqrt(sums[0] / sums[1]), sums[4], sums[2] / Math.sqrt(sums[1] * sums[3]));
  }

  private static double[] sums(MemorySegment sparse, MemorySegment dense, long begin, long end) {
    double[] sums = new double[5];
    for (long i = begin; i < end; i++) {
      double a = DType.F32.get(sparse, i);
      double b = DType.F32.get(dense, i);
      sums[0] += (a - b) * (a - b);
      sums[1] += b * b;
      sums[2] += a * b;
      sums[3] += a * a;
      sums[4] = Math.max(sums[4], Math.abs(a - b));
    }
    return sums;
  }

  private static double[] add(double[] a, double[] b) {
    return new double[] {a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], Math.max(a[4], b[4])};
  }

  /**
   * The share of the dense softmax probability that lies on the keys a query attends to, over
   * sampled queries.
   */
  static double massRecall(AttentionProblem problem, int samples, long seed) {
    AttentionShape shape = problem.shape();
    List<KeyRanges> groups = KeyRanges.of(shape, problem.layout());
    KeyRanges all = new KeyRanges(0, shape.tokens(), new int[] {0}, new int[] {shape.tokens()});
    return IntStream.range(0, samples)
        .parallel()
        .mapToDouble(
            sample -> {
              SplittableRandom random = new SplittableRandom(seed * 31 + sample);
              int sequence = random.nextInt(shape.batch());
              int head = random.nextInt(shape.heads());
              int token = random.nextInt(shape.tokens());
              double[] scores = ReferenceAttention.scores(problem, all, sequence, token, head);
              double max = Arrays.stream(scores).max().orElseThrow();
              double total = 0;
              for (int j = 0; j < scores.length; j++) {
                scores[j] = Math.exp(scores[j] - max);
                total += scores[j];
              }
              KeyRanges group = groupOf(groups, token);
              double attended = 0;
              for (int run = 0; run < group.keyStarts().length; run++) {
                for (int j = 0; j < group.keyCounts()[run]; j++) {
                  attended += scores[group.keyStarts()[run] + j];
                }
              }
              return attended / total;
            })
        .average()
        .orElseThrow();
  }

  /** Relative error of sampled output rows against the float64 reference. */
  static double sampledError(AttentionProblem problem, MemorySegment out, int samples, long seed) {
    AttentionShape shape = problem.shape();
    List<KeyRanges> groups = KeyRanges.of(shape, problem.layout());
    double[] sums =
        IntStream.range(0, samples)
            .parallel()
            .mapToObj(
                sample -> {
                  SplittableRandom random = new SplittableRandom(seed * 37 + sample);
                  int sequence = random.nextInt(shape.batch());
                  int head = random.nextInt(shape.heads());
                  int token = random.nextInt(shape.tokens());
                  double[] expected = new double[shape.headDim()];
                  ReferenceAttention.query(
                      problem, groupOf(groups, token), sequence, token, head, expected);
                  long offset = shape.queryOffset(sequence, token, head);
                  double[] pair = new double[2];
                  for (int d = 0; d < expected.length; d++) {
                    double difference = DType.F32.get(out, offset + d) - expected[d];
                    pair[0] += difference * difference;
                    pair[1] += expected[d] * expected[d];
                  }
                  return pair;
                })
            .reduce(new double[2], (a, b) -> new double[] {a[0] + b[0], a[1] + b[1]});
    return Math.sqrt(sums[0] / sums[1]);
  }

  private static KeyRanges groupOf(List<KeyRanges> groups, int token) {
    return groups.stream()
        .filter(g -> g.firstQuery() <= token && token < g.firstQuery() + g.queryCount())
        .findFirst()
        .orElseThrow();
  }
}
