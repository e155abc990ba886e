// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.PartialAttention;

/**
 * Attention divided by queries, whose keys and values pass round (ring attention, Liu et al. 2023,
 * arXiv 2310.01889). A rank attends with its own tokens to one rank's keys at a time, while these
 * are already on their way to the next rank. Partial results are merged by their log-sum-exps.
 *
 * <p>The parts of two ranks may meet inside a latent frame, and a kernel computes whole frames
 * only. The frames are therefore cut into pieces of so many tokens as divide both a frame and a
 * rank's part. Text keys are attended to together with the rank's own keys.
 *
 * <p>Where the tokens do not divide, the last ranks hold padding behind them. No token attends to
 * it: its pieces are in no row of a layout, and a sequence without frames is attended to without
 * it.
 */
public final class Ring implements ContextParallel {
  /** A layout has an entry per pair of pieces: more of them per rank are no use. */
  private static final int MOST_PIECES = 4096;

  private final AttentionShape shape;
  private final Communicator ranks;
  private final int localTokens;
  private final int piece;

  /**
   * @param shape of the whole sequence; one sequence
   * @throws IllegalArgumentException if a rank's part has too many pieces
   */
  public Ring(AttentionShape shape, Communicator ranks) {
    this(shape, ranks, TokenRange.of(shape.videoTokens(), 0, ranks.world()).count());
  }

  /**
   * @param localTokens that each rank holds, padding included
   */
  Ring(AttentionShape shape, Communicator ranks, int localTokens) {
    ContextParallel.check(shape, ranks.world());
    this.shape = shape;
    this.ranks = ranks;
    this.localTokens = localTokens;
    piece = commonDivisor(shape.patchesPerFrame(), localTokens);
    if (!fits(shape, localTokens)) {
      throw new IllegalArgumentException(tooManyPieces(shape, localTokens));
    }
  }

  private static int commonDivisor(int larger, int smaller) {
    return smaller == 0 ? larger : commonDivisor(smaller, larger % smaller);
  }

  /**
   * Refuses parts of too many pieces.
   *
   * @param ulysses ranks of a heads group, which together hold a part
   * @throws IllegalArgumentException naming a ring that fits
   */
  static void check(AttentionShape shape, int ulysses, int ring) {
    if (!fits(shape, part(shape, ulysses, ring))) {
      List<Integer> others =
          IntStream.rangeClosed(1, 2 * ring)
              .filter(one -> one == 1 || fits(shape, part(shape, ulysses, one)))
              .boxed()
              .toList();
      throw new IllegalArgumentException(
          tooManyPieces(shape, part(shape, ulysses, ring)) + "; try --ring-degree " + others);
    }
  }

  private static int part(AttentionShape shape, int ulysses, int ring) {
    return ulysses * TokenRange.of(shape.videoTokens(), 0, ulysses * ring).count();
  }

  private static String tooManyPieces(AttentionShape shape, int localTokens) {
    return "a ring's ranks hold "
        + localTokens
        + " tokens each, which have only "
        + commonDivisor(shape.patchesPerFrame(), localTokens)
        + " as common divisor with the "
        + shape.patchesPerFrame()
        + " tokens of a frame: that is more than "
        + MOST_PIECES
        + " pieces";
  }

  /** A sequence of one frame is not cut into pieces where its parts differ. */
  private static boolean fits(AttentionShape shape, int localTokens) {
    return shape.latentFrames() == 1
        || localTokens / commonDivisor(shape.patchesPerFrame(), localTokens) <= MOST_PIECES;
  }

  /** The tokens of a rank. */
  private TokenRange tokens(int rank) {
    return new TokenRange(rank * localTokens, localTokens, shape.videoTokens());
  }

  /** Whether the sequence has no frames and its parts have different lengths. */
  private boolean unlikeParts() {
    return shape.latentFrames() == 1 && tokens(ranks.world() - 1).real() < localTokens;
  }

  @Override
  public Shard attend(
      Compute compute, BlockSparseLayout layout, Shard query, Shard key, Shard value) {
    float[] passing = both(key.video(), value.video());
    int real = tokens(ranks.rank()).real();
    try (Arena arena = Arena.ofShared()) {
      AttentionShape part = unlikeParts() ? tokensOf(Math.max(real, 1)) : pieces(0);
      AttentionOutput merged = AttentionOutput.allocateWithLogSumExp(part, arena);
      for (int step = 0; step < ranks.world(); step++) {
        int owner = Math.floorMod(ranks.rank() - step, ranks.world());
        FutureTask<float[]> next = step == ranks.world() - 1 ? null : pass(passing);
        if (real > 0) {
          try (Arena scratch = Arena.ofShared()) {
            AttentionOutput one =
                step == 0
                    ? own(compute, layout, query, key, value, scratch)
                    : other(compute, layout, owner, query.video(), passing, scratch);
            if (step == 0) {
              merged.out().copyFrom(one.out().asSlice(0, merged.out().byteSize()));
              MemorySegment lse = merged.logSumExp().orElseThrow();
              lse.copyFrom(one.logSumExp().orElseThrow().asSlice(0, lse.byteSize()));
            } else {
              PartialAttention.merge(part, merged, one);
            }
          }
        }
        passing = next == null ? passing : arrived(next);
      }
      int row = shape.heads() * shape.headDim();
      float[] video =
          merged.out().asSlice(0, (long) real * row * Float.BYTES).toArray(ValueLayout.JAVA_FLOAT);
      return new Shard(
          Arrays.copyOf(video, localTokens * row),
          new JointText(shape, ranks).attend(compute, query, key, value, real));
    }
  }

  /** A rank's part as frames of one piece each. */
  private AttentionShape pieces(int textTokens) {
    return new AttentionShape(
        1, localTokens / piece, piece, textTokens, shape.heads(), shape.kvHeads(), shape.headDim());
  }

  /** Some tokens as one frame. */
  private AttentionShape tokensOf(int count) {
    return new AttentionShape(1, 1, count, 0, shape.heads(), shape.kvHeads(), shape.headDim());
  }

  private static float[] both(float[] key, float[] value) {
    float[] both = Arrays.copyOf(key, key.length + value.length);
    System.arraycopy(value, 0, both, key.length, value.length);
    return both;
  }

  /** Sends keys and values on and takes those of the rank before, while this thread computes. */
  private FutureTask<float[]> pass(float[] passing) {
    int world = ranks.world();
    int before = Math.floorMod(ranks.rank() - 1, world);
    float[][] parts = new float[world][0];
    parts[(ranks.rank() + 1) % world] = passing;
    int[] lengths = new int[world];
    lengths[before] = passing.length;
    FutureTask<float[]> next = new FutureTask<>(() -> ranks.allToAll(parts, lengths)[before]);
    Thread.ofVirtual().start(next);
    return next;
  }

  private static float[] arrived(FutureTask<float[]> next) {
    try {
      return next.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while keys and values passed round", e);
    }
  }

  /** Attends to this rank's own keys and to the text. */
  private AttentionOutput own(
      Compute compute, BlockSparseLayout layout, Shard query, Shard key, Shard value, Arena arena) {
    if (unlikeParts()) {
      int row = shape.kvHeads() * shape.headDim();
      int real = tokens(ranks.rank()).real() * row;
      return all(
          compute,
          query.video(),
          both(Arrays.copyOf(key.video(), real), key.text()),
          both(Arrays.copyOf(value.video(), real), value.text()),
          arena);
    }
    return run(
        compute,
        pieces(shape.textTokens()),
        layout(layout, ranks.rank()),
        List.of(query.video(), query.text()),
        List.of(key.video(), key.text()),
        List.of(value.video(), value.text()),
        arena);
  }

  /** Attends to the keys of another rank. */
  private AttentionOutput other(
      Compute compute,
      BlockSparseLayout layout,
      int owner,
      float[] query,
      float[] passing,
      Arena arena) {
    int half = passing.length / 2;
    int end = unlikeParts() ? tokens(owner).real() * shape.kvHeads() * shape.headDim() : half;
    float[] key = Arrays.copyOf(passing, end);
    float[] value = Arrays.copyOfRange(passing, half, half + end);
    return unlikeParts()
        ? all(compute, query, key, value, arena)
        : run(
            compute,
            pieces(0),
            layout(layout, owner),
            List.of(query),
            List.of(key),
            List.of(value),
            arena);
  }

  /** Attends with this rank's tokens to all of some keys. */
  private AttentionOutput all(
      Compute compute, float[] query, float[] key, float[] value, Arena arena) {
    int real = tokens(ranks.rank()).real();
    float[] mine = Arrays.copyOf(query, real * shape.heads() * shape.headDim());
    return new QueriesOverKeys(tokensOf(real), compute, arena).attend(mine, key, value);
  }

  private static AttentionOutput run(
      Compute compute,
      AttentionShape of,
      BlockSparseLayout layout,
      List<float[]> query,
      List<float[]> key,
      List<float[]> value,
      Arena arena) {
    AttentionOutput output = AttentionOutput.allocateWithLogSumExp(of, arena);
    compute.run(
        new AttentionProblem(
            new AttentionInputs(
                of,
                DType.F32,
                Ulysses.joined(arena, query),
                Ulysses.joined(arena, key),
                Ulysses.joined(arena, value)),
            layout),
        output);
    return output;
  }

  /** Which pieces of another rank the pieces of this one attend to; padding to none. */
  private BlockSparseLayout layout(BlockSparseLayout whole, int owner) {
    int rows = localTokens / piece;
    int real = tokens(ranks.rank()).real() / piece;
    int[] indptr = new int[rows + 1];
    int[][] indices = new int[rows][0];
    for (int row = 0; row < real; row++) {
      int frame = frame(ranks.rank(), row);
      boolean again = row > 0 && frame == frame(ranks.rank(), row - 1);
      indices[row] = again ? indices[row - 1] : attended(whole, frame, owner);
      indptr[row + 1] = indptr[row] + indices[row].length;
    }
    Arrays.fill(indptr, real, rows + 1, indptr[real]);
    return BlockSparseLayout.of(
        rows, indptr, Arrays.stream(indices).flatMapToInt(Arrays::stream).toArray());
  }

  private int[] attended(BlockSparseLayout whole, int frame, int owner) {
    BitSet frames = new BitSet();
    for (int i = 0; i < whole.count(frame); i++) {
      frames.set(whole.index(frame, i));
    }
    return IntStream.range(0, tokens(owner).real() / piece)
        .filter(column -> frames.get(frame(owner, column)))
        .toArray();
  }

  /** The latent frame that a rank's piece lies in. */
  private int frame(int rank, int row) {
    return (int) (((long) rank * localTokens + (long) row * piece) / shape.patchesPerFrame());
  }

  /**
   * {@inheritDoc}
   *
   * <p>To the next rank: keys and values of one rank's tokens, {@code world − 1} times; to each
   * other rank, this rank's part of the text queries with their log-sum-exps. The layout does not
   * matter.
   */
  @Override
  public long bytesSent(BlockSparseLayout layout) {
    return (ranks.world() - 1L) * 2 * localTokens * shape.kvHeads() * shape.headDim() * Float.BYTES
        + new JointText(shape, ranks).bytesSent();
  }
}
