// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.Lanes.BLOCK;
import static org.lvsa.kernels.cpu.Lanes.F;
import static org.lvsa.kernels.cpu.Lanes.LENGTH;
import static org.lvsa.kernels.cpu.Lanes.ROWS;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;

/**
 * The working memory of one thread, and the fused attention of one chunk of queries of one head
 * over its keys: FlashAttention's online softmax (Dao et al. 2022, algorithm 1), with one query per
 * vector lane.
 *
 * <p>Everything is kept transposed: {@code Qᵀ}, {@code Sᵀ = K·Qᵀ} and {@code Oᵀ += Vᵀ·Pᵀ}. This has
 * three effects. Keys and values are read as they lie in memory, one element at a time. Maximum and
 * sum of the softmax need no operation across lanes. Keys are rows, so that any number of keys
 * needs no mask: the loops end after the last key. A tile of keys and values is staged as float32
 * (widened from F16 or BF16) once for all queries of the chunk that attend to it.
 *
 * <p>Scores are kept in units of log 2 (the scale and log₂e are folded into the queries), so that
 * the exponential is 2ˣ.
 */
final class ChunkAttention {
  /**
   * The most queries of a chunk. Each key that is fetched from memory serves all of them; Qᵀ and Oᵀ
   * of 512 × 128 floats take 512 KiB of the second-level cache.
   */
  static final int MAX_QUERIES = 512;

  /** The largest headDim: queries and outputs of a chunk are arrays, and counted as int. */
  static final int MAX_HEAD_DIM = 1 << 20;

  /** Number of keys of a tile; their scores against a block fit the first-level cache. */
  private static final int TILE = 128;

  private static final double LOG2_E = 1 / Math.log(2);

  /** Where a row's maximum starts: the lowest finite number, so that no difference is NaN. */
  private static final float LOWEST = -Float.MAX_VALUE;

  private final AttentionProblem problem;
  private final AttentionOutput output;
  private final int headDim;
  private final int rows;
  private final int stride;

  private final float[] query;
  private final float[] accumulator;
  private final float[] max;
  private final float[] sum;
  private final float[] keys;
  private final float[] values;
  private final float[] scores = new float[TILE * BLOCK];
  private final float[] factors = new float[BLOCK];
  private final Bands bands;
  private final float[] line;

  /**
   * @param queries the largest chunk, a multiple of {@link Lanes#BLOCK}
   */
  ChunkAttention(AttentionProblem problem, AttentionOutput output, int queries) {
    this.problem = problem;
    this.output = output;
    headDim = problem.shape().headDim();
    rows = padded(headDim);
    stride = stride(headDim);
    query = new float[queries * headDim];
    accumulator = new float[queries * rows];
    max = new float[queries];
    sum = new float[queries];
    keys = new float[TILE * stride];
    values = new float[TILE * stride];
    line = new float[headDim];
    bands = new Bands(TILE, headDim);
  }

  /** Number of bytes that one instance holds. */
  static long scratchBytes(int headDim, int queries) {
    int rows = padded(headDim);
    long floats =
        (long) queries * (headDim + rows + 2)
            + (long) TILE * (2 * stride(headDim) + BLOCK)
            + BLOCK
            + headDim;
    return floats * Float.BYTES;
  }

  /** Computes the queries of a chunk for one head, and writes their output. */
  void run(int sequence, int head, Chunk chunk) {
    int blocks = chunk.blocks();
    for (Chunk.Segment segment : chunk.segments()) {
      loadQueries(sequence, head, segment);
    }
    Arrays.fill(accumulator, 0, blocks * BLOCK * rows, 0);
    Arrays.fill(max, 0, blocks * BLOCK, LOWEST);
    Arrays.fill(sum, 0, blocks * BLOCK, 0);

    int staged = 0;
    long readers = 0;
    long withKeys = 0;
    for (Chunk.Span span : chunk.spans()) {
      if (staged > 0 && span.attending() != readers) {
        attend(chunk, readers, staged);
        staged = 0;
      }
      readers = span.attending();
      withKeys |= readers;
      for (int done = 0; done < span.count(); ) {
        int taken = Math.min(span.count() - done, TILE - staged);
        stage(sequence, head, span.start() + done, taken, staged);
        bands.staged(span, span.start() + done, taken, staged);
        staged += taken;
        done += taken;
        if (staged == TILE) {
          attend(chunk, readers, TILE);
          staged = 0;
        }
      }
    }
    if (staged > 0) {
      attend(chunk, readers, staged);
    }
    for (int s = 0; s < chunk.segments().size(); s++) {
      store(sequence, head, chunk.segments().get(s), (withKeys & 1L << s) != 0);
    }
  }

  private void attend(Chunk chunk, long readers, int tile) {
    for (int s = 0; s < chunk.segments().size(); s++) {
      if ((readers & 1L << s) != 0) {
        Chunk.Segment segment = chunk.segments().get(s);
        if (bands.any()) {
          attendWithin(segment, s, tile);
        } else {
          attend(segment.firstBlock(), segment.firstBlock() + segment.blocks(), tile);
        }
      }
    }
    bands.clear();
  }

  /** The same for a tile with keys that only some queries attend to. */
  private void attendWithin(Chunk.Segment segment, int index, int tile) {
    bands.setAside(values, stride, tile);
    for (int block = segment.firstBlock();
        block < segment.firstBlock() + segment.blocks();
        block++) {
      int firstQuery = segment.firstQuery() + (block - segment.firstBlock()) * BLOCK;
      score(block, tile);
      bands.mask(scores, firstQuery, index, tile);
      softmax(block, tile);
      accumulate(block, tile);
      bands.addSetAside(scores, firstQuery, index, accumulator, block * rows * BLOCK);
    }
  }

  private void attend(int firstBlock, int endBlock, int tile) {
    for (int block = firstBlock; block < endBlock; block++) {
      score(block, tile);
      softmax(block, tile);
      accumulate(block, tile);
    }
  }

  private void score(int block, int tile) {
    for (int j = 0; j < tile; j += ROWS) {
      RegisterTiles.scores(
          keys, j * stride, stride, query, block * BLOCK * headDim, scores, j * BLOCK, headDim);
    }
  }

  private void accumulate(int block, int tile) {
    for (int d = 0; d < rows; d += ROWS) {
      RegisterTiles.accumulate(
          values, d, stride, scores, 0, accumulator, (block * rows + d) * BLOCK, tile);
    }
  }

  /**
   * Turns scores into weights, in place. Where a score exceeds the running maximum of its query,
   * the maximum rises, and what was summed so far is scaled down to it.
   */
  private void softmax(int block, int tile) {
    int at = block * BLOCK;
    if (raiseMax(scores, tile * BLOCK, max, at, factors)) {
      multiply(sum, at, at + BLOCK, factors);
      multiply(accumulator, block * rows * BLOCK, (block + 1) * rows * BLOCK, factors);
    }
    weigh(scores, tile * BLOCK, max, sum, at);
  }

  // The three loops below take and leave their vectors in arrays: a vector that crosses a call that
  // is not inlined becomes an object.

  private static boolean raiseMax(float[] scores, int end, float[] max, int at, float[] factors) {
    FloatVector old0 = FloatVector.fromArray(F, max, at);
    FloatVector old1 = FloatVector.fromArray(F, max, at + LENGTH);
    FloatVector max0 = old0;
    FloatVector max1 = old1;
    for (int i = 0; i < end; i += BLOCK) {
      max0 = larger(max0, FloatVector.fromArray(F, scores, i));
      max1 = larger(max1, FloatVector.fromArray(F, scores, i + LENGTH));
    }
    if (max0.eq(old0).and(max1.eq(old1)).allTrue()) {
      return false;
    }
    exp2(old0.sub(max0)).intoArray(factors, 0);
    exp2(old1.sub(max1)).intoArray(factors, LENGTH);
    max0.intoArray(max, at);
    max1.intoArray(max, at + LENGTH);
    return true;
  }

  private static void multiply(float[] values, int start, int end, float[] factors) {
    FloatVector factor0 = FloatVector.fromArray(F, factors, 0);
    FloatVector factor1 = FloatVector.fromArray(F, factors, LENGTH);
    for (int i = start; i < end; i += BLOCK) {
      FloatVector.fromArray(F, values, i).mul(factor0).intoArray(values, i);
      FloatVector.fromArray(F, values, i + LENGTH).mul(factor1).intoArray(values, i + LENGTH);
    }
  }

  private static void weigh(float[] scores, int end, float[] max, float[] sum, int at) {
    FloatVector max0 = FloatVector.fromArray(F, max, at);
    FloatVector max1 = FloatVector.fromArray(F, max, at + LENGTH);
    // Summed by tile, as the outputs are: see RegisterTiles.
    FloatVector sum0 = FloatVector.zero(F);
    FloatVector sum1 = FloatVector.zero(F);
    for (int i = 0; i < end; i += BLOCK) {
      FloatVector weight0 = exp2(FloatVector.fromArray(F, scores, i).sub(max0));
      FloatVector weight1 = exp2(FloatVector.fromArray(F, scores, i + LENGTH).sub(max1));
      sum0 = sum0.add(weight0);
      sum1 = sum1.add(weight1);
      weight0.intoArray(scores, i);
      weight1.intoArray(scores, i + LENGTH);
    }
    FloatVector.fromArray(F, sum, at).add(sum0).intoArray(sum, at);
    FloatVector.fromArray(F, sum, at + LENGTH).add(sum1).intoArray(sum, at + LENGTH);
  }

  /**
   * 2ˣ for x ≤ 0. The integer part n becomes the exponent's bits: adding 1.5·2²³ + 127 rounds, and
   * leaves n + 127 in the low bits. The rest goes through a polynomial of degree 5 with relative
   * error 8e-8. Below 2⁻¹²⁶·⁵, and for −∞, n + 127 is 0, and so is the result. NaN stays NaN, as
   * the polynomial's value is multiplied by the power of two and not changed bit by bit.
   */
  private static FloatVector exp2(FloatVector x) {
    FloatVector clamped = larger(x, FloatVector.broadcast(F, -127f));
    FloatVector shifted = clamped.add(12583039f);
    FloatVector rest = clamped.sub(shifted.sub(12583039f));
    FloatVector power = FloatVector.broadcast(F, 0.0013266970386190226f);
    power = power.fma(rest, FloatVector.broadcast(F, 0.009675459745514172f));
    power = power.fma(rest, FloatVector.broadcast(F, 0.05550742616002447f));
    power = power.fma(rest, FloatVector.broadcast(F, 0.24022121753561748f));
    power = power.fma(rest, FloatVector.broadcast(F, 0.6931469491610643f));
    power = power.fma(rest, FloatVector.broadcast(F, 1.0000000710297003f));
    return power.mul(
        shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
  }

  /**
   * The larger of two numbers, and {@code a} if one is NaN. Two instructions, where Math.max takes
   * five because it lets NaN through. A score that is NaN need not raise the maximum: its weight is
   * NaN whatever the maximum is, and so are the sum and the output.
   */
  private static FloatVector larger(FloatVector a, FloatVector b) {
    return a.blend(b, b.compare(VectorOperators.GT, a));
  }

  /**
   * Copies queries to {@code [block][headDim][BLOCK]} and scales them. Lanes after the last query
   * are zero.
   */
  private void loadQueries(int sequence, int head, Chunk.Segment segment) {
    AttentionShape shape = problem.shape();
    float scale = (float) (shape.scale() * LOG2_E);
    int base = segment.firstBlock() * BLOCK * headDim;
    Arrays.fill(query, base, base + segment.blocks() * BLOCK * headDim, 0);
    for (int i = 0; i < segment.count(); i++) {
      Widening.read(
          problem.dtype(),
          problem.query(),
          shape.queryOffset(sequence, segment.firstQuery() + i, head),
          line,
          0,
          headDim);
      int at = base + i / BLOCK * BLOCK * headDim + i % BLOCK;
      for (int d = 0; d < headDim; d++) {
        query[at + d * BLOCK] = line[d] * scale;
      }
    }
  }

  private void stage(int sequence, int head, int token, int count, int at) {
    AttentionShape shape = problem.shape();
    DType dtype = problem.dtype();
    for (int i = 0; i < count; i++) {
      long offset = shape.keyOffset(sequence, token + i, head);
      Widening.read(dtype, problem.key(), offset, keys, (at + i) * stride, headDim);
      Widening.read(dtype, problem.value(), offset, values, (at + i) * stride, headDim);
    }
  }

  private void store(int sequence, int head, Chunk.Segment segment, boolean hasKeys) {
    AttentionShape shape = problem.shape();
    for (int i = 0; i < segment.count(); i++) {
      int lane = segment.firstBlock() * BLOCK + i;
      int at = lane / BLOCK * BLOCK * rows + i % BLOCK;
      boolean any =
          hasKeys
              && (!segment.keys().hasBands()
                  || segment.keys().forQuery(segment.firstQuery() + i).keys() > 0);
      // The sum is 0 if every score is −∞, or if there is no key; the one gives 0 · ∞ = NaN.
      float inverse = any ? 1 / sum[lane] : 0;
      for (int d = 0; d < headDim; d++) {
        line[d] = accumulator[at + d * BLOCK] * inverse;
      }
      long offset = shape.queryOffset(sequence, segment.firstQuery() + i, head);
      Widening.write(line, output.out(), offset, headDim);
      if (output.logSumExp().isPresent()) {
        // Both kinds of a sum of 0 give log 0 = −∞.
        double logSumExp = max[lane] / LOG2_E + Math.log(sum[lane]);
        DType.F32.set(output.logSumExp().get(), offset / headDim, (float) logSumExp);
      }
    }
  }

  private static int padded(int headDim) {
    return Math.ceilDiv(headDim, ROWS) * ROWS;
  }

  /**
   * Distance between staged keys in floats. It is an odd number of cache lines, so that the keys of
   * a tile spread over all sets of the cache.
   */
  private static int stride(int headDim) {
    return (Math.ceilDiv(headDim, 16) | 1) * 16;
  }
}
