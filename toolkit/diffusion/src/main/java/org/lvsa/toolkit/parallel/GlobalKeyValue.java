// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.BitSet;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;

/**
 * Attention divided by queries: a rank computes its own tokens, of all heads.
 *
 * <p>In one exchange per attention, the ranks send each other keys and values of the frames that
 * the other's queries attend to. These are mostly the global frames: with boundary guards, a window
 * that reaches over the boundary between two ranks finds global frames there. The number of heads
 * need not divide, and the traffic shrinks with the sparsity.
 *
 * <p>Text queries attend to everything. Each rank computes them over its own video tokens, and the
 * partial results are merged by their log-sum-exps.
 */
public final class GlobalKeyValue implements ContextParallel {
  private final AttentionShape shape;
  private final Communicator ranks;
  private final int localTokens;

  /**
   * @param shape of the whole sequence; one sequence
   */
  public GlobalKeyValue(AttentionShape shape, Communicator ranks) {
    ContextParallel.check(shape, ranks.world());
    this.shape = shape;
    this.ranks = ranks;
    localTokens = TokenRange.of(shape.videoTokens(), 0, ranks.world()).count();
  }

  /** Tokens from the first to before the last, of the whole video. */
  private record Range(long first, long end) {
    int length() {
      return (int) Math.max(0, end - first);
    }

    Range with(Range other) {
      return new Range(Math.max(first, other.first), Math.min(end, other.end));
    }
  }

  /** A rank's tokens; where they do not divide, the last ranks have fewer, or none. */
  private Range tokensOf(int rank) {
    Range mine = new Range((long) rank * localTokens, (rank + 1L) * localTokens);
    return mine.with(new Range(0, shape.videoTokens()));
  }

  private Range frame(int frame) {
    return new Range(
        (long) frame * shape.patchesPerFrame(), (frame + 1L) * shape.patchesPerFrame());
  }

  /** Frames of which a rank holds tokens. */
  private BitSet localFrames(int rank) {
    Range mine = tokensOf(rank);
    BitSet frames = new BitSet();
    if (mine.length() == 0) {
      return frames;
    }
    frames.set(
        (int) (mine.first() / shape.patchesPerFrame()),
        (int) Math.ceilDiv(mine.end(), shape.patchesPerFrame()));
    return frames;
  }

  /** Frames that any query of a rank attends to. */
  private BitSet attendedBy(int rank, BlockSparseLayout layout) {
    BitSet attended = new BitSet();
    localFrames(rank).stream()
        .forEach(
            row -> {
              for (int i = 0; i < layout.count(row); i++) {
                attended.set(layout.index(row, i));
              }
            });
    return attended;
  }

  @Override
  public Shard attend(
      Compute compute, BlockSparseLayout layout, Shard query, Shard key, Shard value) {
    float[][] received = exchange(layout, key.video(), value.video());
    try (Arena arena = Arena.ofShared()) {
      int mine = tokensOf(ranks.rank()).length();
      float[] video =
          mine == 0
              ? new float[localTokens * shape.heads() * shape.headDim()]
              : video(compute, layout, query, key, value, received, arena);
      float[] text = new JointText(shape, ranks).attend(compute, query, key, value, mine);
      return new Shard(video, text);
    }
  }

  /** The exchange: to each rank the keys, then the values, of the frames that it needs. */
  private float[][] exchange(BlockSparseLayout layout, float[] key, float[] value) {
    int row = shape.kvHeads() * shape.headDim();
    Range mine = tokensOf(ranks.rank());
    float[][] parts = new float[ranks.world()][];
    for (int to = 0; to < parts.length; to++) {
      int count = to == ranks.rank() ? 0 : owned(layout, ranks.rank(), to);
      parts[to] = new float[2 * count * row];
      if (count == 0) {
        continue;
      }
      int at = 0;
      for (int frame : attendedBy(to, layout).stream().toArray()) {
        Range sent = frame(frame).with(mine);
        int from = (int) (sent.first() - mine.first()) * row;
        int length = sent.length() * row;
        if (length > 0) {
          System.arraycopy(key, from, parts[to], at, length);
          System.arraycopy(value, from, parts[to], count * row + at, length);
          at += length;
        }
      }
    }
    int[] lengths = new int[ranks.world()];
    for (int from = 0; from < lengths.length; from++) {
      lengths[from] = from == ranks.rank() ? 0 : 2 * owned(layout, from, ranks.rank()) * row;
    }
    return ranks.allToAll(parts, lengths);
  }

  /** Tokens that a rank holds of the frames that another one attends to. */
  private int owned(BlockSparseLayout layout, int rank, int by) {
    return attendedBy(by, layout).stream()
        .map(frame -> frame(frame).with(tokensOf(rank)).length())
        .sum();
  }

  /**
   * Computes the video queries: an attention over the frames that this rank holds or attends to. A
   * frame that is needed for its keys alone has a row that attends to nothing.
   */
  private float[] video(
      Compute compute,
      BlockSparseLayout layout,
      Shard query,
      Shard key,
      Shard value,
      float[][] received,
      Arena arena) {
    Range mine = tokensOf(ranks.rank());
    BitSet local = localFrames(ranks.rank());
    BitSet attended = attendedBy(ranks.rank(), layout);
    BitSet union = (BitSet) attended.clone();
    union.or(local);
    int[] frames = union.stream().toArray();
    int[] place = new int[shape.latentFrames()];
    for (int i = 0; i < frames.length; i++) {
      place[frames[i]] = i;
    }
    AttentionShape compact =
        new AttentionShape(
            1,
            frames.length,
            shape.patchesPerFrame(),
            shape.textTokens(),
            shape.heads(),
            shape.kvHeads(),
            shape.headDim());
    MemorySegment q = arena.allocate(compact.queryElements() * Float.BYTES, 64);
    MemorySegment k = arena.allocate(compact.keyElements() * Float.BYTES, 64);
    MemorySegment v = arena.allocate(compact.keyElements() * Float.BYTES, 64);
    int queryRow = shape.heads() * shape.headDim();
    int keyRow = shape.kvHeads() * shape.headDim();
    for (int frame : frames) {
      long start = (long) place[frame] * shape.patchesPerFrame();
      Range here = frame(frame).with(mine);
      long to = start + here.first() - frame(frame).first();
      int from = (int) (here.first() - mine.first());
      copy(query.video(), from, q, to, here.length(), queryRow);
      copy(key.video(), from, k, to, here.length(), keyRow);
      copy(value.video(), from, v, to, here.length(), keyRow);
    }
    for (int rank = 0; rank < received.length; rank++) {
      int count = received[rank].length / keyRow / 2;
      int from = 0;
      for (int frame : count == 0 ? new int[0] : attended.stream().toArray()) {
        Range there = frame(frame).with(tokensOf(rank));
        long to =
            (long) place[frame] * shape.patchesPerFrame() + there.first() - frame(frame).first();
        copy(received[rank], from, k, to, there.length(), keyRow);
        copy(received[rank], count + from, v, to, there.length(), keyRow);
        from += there.length();
      }
    }
    copy(query.text(), 0, q, compact.videoTokens(), shape.textTokens(), queryRow);
    copy(key.text(), 0, k, compact.videoTokens(), shape.textTokens(), keyRow);
    copy(value.text(), 0, v, compact.videoTokens(), shape.textTokens(), keyRow);

    AttentionOutput output = AttentionOutput.allocate(compact, arena);
    compute.run(
        new AttentionProblem(
            new AttentionInputs(compact, DType.F32, q, k, v), rows(layout, frames, place, local)),
        output);
    float[] out = new float[localTokens * queryRow];
    for (int frame : local.stream().toArray()) {
      Range here = frame(frame).with(mine);
      long from =
          (long) place[frame] * shape.patchesPerFrame() + here.first() - frame(frame).first();
      MemorySegment.copy(
          output.out(),
          ValueLayout.JAVA_FLOAT,
          from * queryRow * Float.BYTES,
          out,
          (int) (here.first() - mine.first()) * queryRow,
          here.length() * queryRow);
    }
    return out;
  }

  private static BlockSparseLayout rows(
      BlockSparseLayout layout, int[] frames, int[] place, BitSet local) {
    int[] indptr = new int[frames.length + 1];
    long attended = local.stream().mapToLong(layout::count).sum();
    if (attended > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "the frames that one rank's frames attend to must be at most 2^31-1 pairs, got "
              + attended
              + ": use more ranks");
    }
    int[] indices = new int[(int) attended];
    int next = 0;
    for (int i = 0; i < frames.length; i++) {
      int row = frames[i];
      for (int j = 0; local.get(row) && j < layout.count(row); j++) {
        indices[next++] = place[layout.index(row, j)];
      }
      indptr[i + 1] = next;
    }
    return BlockSparseLayout.of(frames.length, indptr, Arrays.copyOf(indices, next));
  }

  private static void copy(
      float[] tokens, int from, MemorySegment into, long to, int count, int row) {
    if (count > 0) {
      MemorySegment.copy(
          tokens, from * row, into, ValueLayout.JAVA_FLOAT, to * row * Float.BYTES, count * row);
    }
  }

  /**
   * {@inheritDoc}
   *
   * <p>To each other rank: keys and values of this rank's tokens in the frames that the other
   * attends to, and this rank's part of the text queries with their log-sum-exps.
   */
  @Override
  public long bytesSent(BlockSparseLayout layout) {
    long elements = 0;
    for (int to = 0; to < ranks.world(); to++) {
      if (to != ranks.rank()) {
        elements += 2L * owned(layout, ranks.rank(), to) * shape.kvHeads() * shape.headDim();
      }
    }
    return elements * Float.BYTES + new JointText(shape, ranks).bytesSent();
  }
}
