// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.Blocking.BLOCK;
import static org.lvsa.kernels.cpu.Blocking.ROWS;
import static org.lvsa.kernels.cpu.Lanes.LENGTH;

import java.util.Arrays;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;

/**
 * The working memory of one thread, and the fused attention of one chunk of queries of one head
 * over its keys: FlashAttention's online softmax (Dao et al. 2022, algorithm 1), with one query per
 * vector lane. The memory serves any number of chunks and problems with the same headDim.
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
  /** The largest headDim: queries and outputs of a chunk are arrays, and counted as int. */
  static final int MAX_HEAD_DIM = 1 << 20;

  private static final double LOG2_E = 1 / Math.log(2);

  /** Where a row's maximum starts: the lowest finite number, so that no difference is NaN. */
  private static final float LOWEST = -Float.MAX_VALUE;

  private final int headDim;
  private final int rows;

  private final float[] query;
  private final float[] accumulator;
  private final float[] max;
  private final float[] sum;
  private final KeyTile tile;
  private final float[] scores = new float[KeyTile.KEYS * BLOCK];
  private final float[] slabScores;
  private final float[] factors = new float[LENGTH];
  private final Bands bands;
  private final float[] line;

  /**
   * @param queries the largest chunk, a multiple of {@link Blocking#BLOCK}
   */
  ChunkAttention(int headDim, int queries) {
    this.headDim = headDim;
    rows = padded(headDim);
    query = new float[queries * headDim];
    accumulator = new float[queries * rows];
    max = new float[queries];
    sum = new float[queries];
    tile = new KeyTile(headDim);
    slabScores = new float[headDim > KeyTile.DEPTH ? scores.length : 0];
    line = new float[headDim];
    bands = new Bands(KeyTile.KEYS, headDim);
  }

  /** Number of bytes that one instance holds. */
  static long scratchBytes(int headDim, int queries) {
    long floats =
        (long) queries * (headDim + padded(headDim) + 2)
            + KeyTile.floats(headDim)
            + KeyTile.KEYS * BLOCK * (headDim > KeyTile.DEPTH ? 2L : 1L)
            + LENGTH
            + headDim;
    return floats * Float.BYTES;
  }

  /** Whether this memory is large enough for chunks of so many queries. */
  boolean fits(int headDim, int queries) {
    return this.headDim == headDim && queries <= max.length;
  }

  /** Computes the queries of a chunk for one head, and writes their output. */
  void run(AttentionProblem problem, AttentionOutput output, int sequence, int head, Chunk chunk) {
    int blocks = chunk.blocks();
    for (Chunk.Segment segment : chunk.segments()) {
      loadQueries(problem, sequence, head, segment);
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
        int taken = Math.min(span.count() - done, KeyTile.KEYS - staged);
        tile.stage(problem, sequence, head, span.start() + done, taken, staged);
        bands.staged(span, span.start() + done, taken, staged);
        staged += taken;
        done += taken;
        if (staged == KeyTile.KEYS) {
          attend(chunk, readers, staged);
          staged = 0;
        }
      }
    }
    if (staged > 0) {
      attend(chunk, readers, staged);
    }
    for (int s = 0; s < chunk.segments().size(); s++) {
      store(problem, output, sequence, head, chunk.segments().get(s), (withKeys & 1L << s) != 0);
    }
  }

  private void attend(Chunk chunk, long readers, int keys) {
    for (int s = 0; s < chunk.segments().size(); s++) {
      if ((readers & 1L << s) != 0) {
        Chunk.Segment segment = chunk.segments().get(s);
        if (bands.any()) {
          attendWithin(segment, s, keys);
        } else {
          attend(segment.firstBlock(), segment.firstBlock() + segment.blocks(), keys);
        }
      }
    }
    bands.clear();
  }

  /** The same for a tile with keys that only some queries attend to. */
  private void attendWithin(Chunk.Segment segment, int index, int keys) {
    bands.setAside(tile.values, keys);
    for (int block = segment.firstBlock();
        block < segment.firstBlock() + segment.blocks();
        block++) {
      int firstQuery = segment.firstQuery() + (block - segment.firstBlock()) * BLOCK;
      score(block, keys);
      bands.mask(scores, firstQuery, index, keys);
      softmax(block, keys);
      accumulate(block, keys);
      bands.addSetAside(scores, firstQuery, index, accumulator, block * rows * BLOCK);
    }
  }

  private void attend(int firstBlock, int endBlock, int keys) {
    for (int block = firstBlock; block < endBlock; block++) {
      score(block, keys);
      softmax(block, keys);
      accumulate(block, keys);
    }
  }

  private void score(int block, int keys) {
    int at = block * BLOCK * headDim;
    scoreSlab(at, 0, keys, scores);
    for (int slab = KeyTile.DEPTH; slab < headDim; slab += KeyTile.DEPTH) {
      scoreSlab(at + slab * BLOCK, slab, keys, slabScores);
      for (int i = 0; i < keys * BLOCK; i++) {
        scores[i] += slabScores[i];
      }
    }
  }

  private void scoreSlab(int queryAt, int slab, int keys, float[] to) {
    int depth = Math.min(KeyTile.DEPTH, headDim - slab);
    for (int j = 0; j < keys; j += ROWS) {
      RegisterTiles.scores(tile.keys, KeyTile.at(j, slab), query, queryAt, to, j * BLOCK, depth);
    }
  }

  private void accumulate(int block, int keys) {
    for (int d = 0; d < rows; d += ROWS) {
      int to = (block * rows + d) * BLOCK;
      RegisterTiles.accumulate(tile.values, KeyTile.at(0, d), scores, 0, accumulator, to, keys);
    }
  }

  /**
   * Turns scores into weights, in place. Where a score exceeds the running maximum of its query,
   * the maximum rises, and what was summed so far is scaled down to it.
   */
  private void softmax(int block, int keys) {
    int end = keys * BLOCK;
    for (int column = 0; column < BLOCK; column += LENGTH) {
      int at = block * BLOCK + column;
      if (Softmax.raiseMax(scores, column, end, max, at, factors)) {
        Softmax.multiply(sum, at, at + LENGTH, factors);
        Softmax.multiply(
            accumulator, block * rows * BLOCK + column, (block + 1) * rows * BLOCK, factors);
      }
      Softmax.weigh(scores, column, end, max, sum, at);
    }
  }

  /**
   * Copies queries to {@code [block][headDim][BLOCK]} and scales them. Lanes after the last query
   * are zero.
   */
  private void loadQueries(
      AttentionProblem problem, int sequence, int head, Chunk.Segment segment) {
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

  private void store(
      AttentionProblem problem,
      AttentionOutput output,
      int sequence,
      int head,
      Chunk.Segment segment,
      boolean hasKeys) {
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
}
