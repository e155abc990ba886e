// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.ReferenceAttention;
import org.lvsa.toolkit.blockpattern.BatchLayout;

/** Compares results with each other and with the float64 reference. */
final class Accuracy {
  private static final int PIECE = 1 << 20;
  private static final int RECALL_SAMPLES = 64;

  /** Sizes of the chunks of queries or keys in which kernels work. */
  private static final int[] CHUNKS = {16, 64, 128};

  private static final int SAMPLED_FRAMES = 4;
  private static final int ROWS_PER_HEAD = 8;
  private static final int MOST_HEADS = 64;

  /** A row much smaller than the others is judged as if it had this share of their size. */
  private static final double SMALL_ROW = 0.1;

  private Accuracy() {}

  /**
   * The row of a result that differs most from the float64 reference.
   *
   * @param error ‖out − reference‖ / ‖reference‖; not a number if the row holds one that is not
   */
  record WorstRow(int sequence, int token, int head, double error) {
    /** Whether the row is right; a row that is not a number is not. */
    boolean within(double allowed) {
      return error <= allowed;
    }

    /** For a note: {@code token 12 of head 3 differs … by 0.5, allowed 1.0E-4}. */
    String inWords(double allowed) {
      return "token "
          + token
          + " of head "
          + head
          + (sequence == 0 ? "" : " of sequence " + sequence)
          + " differs from the float64 reference by "
          + error
          + ", allowed "
          + allowed;
    }
  }

  /**
   * Compares sampled rows of a result with the float64 reference. Every head is looked at (64 of
   * them if there are more), each at the first and the last token and at others that take turns:
   * chunk edges, the last token of sampled frames, and random ones, where they stand in the order
   * in which the kernel sees them.
   *
   * @param inputs in the sequence's own order of tokens, as the result
   * @param computed what the kernel really computes
   */
  static WorstRow check(
      AttentionInputs inputs, BatchLayout computed, MemorySegment out, long seed) {
    AttentionShape shape = inputs.shape();
    AttentionProblem problem = unmasked(inputs);
    VisibleKeys visible = new VisibleKeys(shape, computed);
    List<int[]> rows = sampledRows(shape, new SplittableRandom(seed * 37));
    double[][] norms =
        rows.stream()
            .parallel()
            .map(row -> norms(problem, visible, out, row))
            .toArray(double[][]::new);
    double typical = Math.sqrt(Arrays.stream(norms).mapToDouble(n -> n[1]).average().orElseThrow());
    WorstRow worst = null;
    for (int i = 0; i < norms.length; i++) {
      double size = Math.max(Math.sqrt(norms[i][1]), SMALL_ROW * typical);
      double error = norms[i][0] == 0 ? 0 : Math.sqrt(norms[i][0]) / size;
      // Not a number is worse than any number.
      if (worst == null || !(error <= worst.error())) {
        int[] row = rows.get(i);
        int token = visible.token(row[0], row[2], row[1]);
        worst = new WorstRow(row[0], token, row[2], error);
        if (Double.isNaN(error)) {
          return worst;
        }
      }
    }
    return worst;
  }

  /** Squared norms of a row's error and of the reference's row. */
  private static double[] norms(
      AttentionProblem problem, VisibleKeys visible, MemorySegment out, int[] row) {
    AttentionShape shape = problem.shape();
    double[] expected = new double[shape.headDim()];
    KeyRanges keys = visible.of(row[0], row[2], row[1]);
    int token = keys.firstQuery();
    ReferenceAttention.query(problem, keys, row[0], token, row[2], expected);
    long offset = shape.queryOffset(row[0], token, row[2]);
    double[] norms = new double[2];
    for (int d = 0; d < expected.length; d++) {
      double difference = DType.F32.get(out, offset + d) - expected[d];
      norms[0] += difference * difference;
      norms[1] += expected[d] * expected[d];
    }
    return norms;
  }

  /** Rows as {sequence, position, head}. */
  private static List<int[]> sampledRows(AttentionShape shape, SplittableRandom random) {
    int last = shape.tokens() - 1;
    List<Integer> edges = List.copyOf(edges(shape, random));
    long heads = (long) shape.batch() * shape.heads();
    int sampled = (int) Math.min(heads, MOST_HEADS);
    List<int[]> rows = new ArrayList<>();
    int turn = 0;
    for (int i = 0; i < sampled; i++) {
      long at = sampled == 1 ? 0 : i * (heads - 1) / (sampled - 1);
      int sequence = (int) (at / shape.heads());
      int head = (int) (at % shape.heads());
      SequencedSet<Integer> tokens = new LinkedHashSet<>(List.of(0, last));
      while (tokens.size() < Math.min(ROWS_PER_HEAD - 2, edges.size())) {
        tokens.add(edges.get(turn++ % edges.size()));
      }
      tokens.add(random.nextInt(shape.tokens()));
      tokens.add(random.nextInt(shape.tokens()));
      tokens.forEach(token -> rows.add(new int[] {sequence, token, head}));
    }
    return rows;
  }

  /** First and last tokens, tokens on either side of a chunk's edge, last tokens of frames. */
  private static SequencedSet<Integer> edges(AttentionShape shape, SplittableRandom random) {
    int tokens = shape.tokens();
    int patches = shape.patchesPerFrame();
    SequencedSet<Integer> edges = new LinkedHashSet<>(List.of(0, tokens - 1));
    for (int i = 0; i < SAMPLED_FRAMES; i++) {
      int frame = random.nextInt(shape.latentFrames());
      edges.add((frame + 1) * patches - 1);
      edges.add(frame * patches);
      for (int chunk : CHUNKS) {
        if (chunk < patches) {
          int whole = frame * patches + patches / chunk * chunk;
          edges.add(whole - 1);
          edges.add(Math.min(whole, tokens - 1));
        }
      }
    }
    for (int chunk : CHUNKS) {
      if (chunk < tokens) {
        edges.add(tokens / chunk * chunk - 1);
        edges.add(Math.min(tokens / chunk * chunk, tokens - 1));
      }
    }
    return edges;
  }

  /**
   * Compares the sparse result with the dense one.
   *
   * @param inputs in the sequence's own order
   * @param computed what the kernel really computes
   * @param sparse float32, in the sequence's own order
   * @param dense as {@code sparse}
   */
  static Quality compare(
      AttentionInputs inputs,
      SparseCase blocks,
      BatchLayout computed,
      MemorySegment sparse,
      MemorySegment dense,
      long seed) {
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
            .reduce(new double[5], Accuracy::add);
    return new Quality(
        Math.sqrt(sums[0] / sums[1]),
        sums[4],
        sums[2] / Math.sqrt(sums[1] * sums[3]),
        massRecall(inputs, computed, seed),
        OracleRecall.of(inputs, blocks, computed, seed),
        worstHead(inputs.shape(), sparse, dense));
  }

  /** The largest relative L2 error of a head, over all sequences. */
  private static double worstHead(AttentionShape shape, MemorySegment sparse, MemorySegment dense) {
    return IntStream.range(0, shape.heads())
        .parallel()
        .mapToDouble(
            head -> {
              double error = 0;
              double size = 0;
              for (int sequence = 0; sequence < shape.batch(); sequence++) {
                for (int token = 0; token < shape.tokens(); token++) {
                  long offset = shape.queryOffset(sequence, token, head);
                  for (int d = 0; d < shape.headDim(); d++) {
                    double b = DType.F32.get(dense, offset + d);
                    double difference = DType.F32.get(sparse, offset + d) - b;
                    error += difference * difference;
                    size += b * b;
                  }
                }
              }
              return Math.sqrt(error / size);
            })
        .max()
        .orElseThrow();
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
  static double massRecall(AttentionInputs inputs, BatchLayout computed, long seed) {
    AttentionShape shape = inputs.shape();
    AttentionProblem problem = unmasked(inputs);
    VisibleKeys visible = new VisibleKeys(shape, computed);
    KeyRanges all = new KeyRanges(0, shape.tokens(), new int[] {0}, new int[] {shape.tokens()});
    return IntStream.range(0, RECALL_SAMPLES)
        .parallel()
        .mapToDouble(
            sample -> {
              SplittableRandom random = new SplittableRandom(seed * 31 + sample);
              int sequence = random.nextInt(shape.batch());
              int head = random.nextInt(shape.heads());
              KeyRanges keys = visible.of(sequence, head, random.nextInt(shape.tokens()));
              double[] scores =
                  ReferenceAttention.scores(problem, all, sequence, keys.firstQuery(), head);
              double max = Arrays.stream(scores).max().orElseThrow();
              double total = 0;
              for (int j = 0; j < scores.length; j++) {
                scores[j] = Math.exp(scores[j] - max);
                total += scores[j];
              }
              double attended = 0;
              for (int run = 0; run < keys.keyStarts().length; run++) {
                for (int j = 0; j < keys.keyCounts()[run]; j++) {
                  attended += scores[keys.keyStarts()[run] + j];
                }
              }
              return attended / total;
            })
        .average()
        .orElseThrow();
  }

  /** The inputs as a problem for the reference, which is given the keys of each query. */
  private static AttentionProblem unmasked(AttentionInputs inputs) {
    return new AttentionProblem(inputs, BlockSparseLayout.dense(inputs.shape().latentFrames()));
  }
}
