// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;

/**
 * Attention divided by heads (DeepSpeed-Ulysses, arXiv 2309.14509).
 *
 * <p>A rank holds {@code videoTokens / world} tokens of all heads. The ranks exchange query, key
 * and value so that each has all tokens of {@code heads / world} heads; each computes these; then
 * they exchange the result back. Text tokens are whole on every rank and are not sent with the
 * video; of the result for text, every rank receives all heads.
 */
public final class Ulysses implements ContextParallel {
  private final AttentionShape shape;
  private final Communicator ranks;
  private final int localTokens;
  private final int localHeads;

  /**
   * @param shape of the whole sequence; one sequence
   * @throws IllegalArgumentException if tokens or heads do not divide among the ranks
   */
  public Ulysses(AttentionShape shape, Communicator ranks) {
    int world = ranks.world();
    Scheme.ULYSSES.check(shape, world);
    this.shape = shape;
    this.ranks = ranks;
    localTokens = shape.videoTokens() / world;
    localHeads = shape.heads() / world;
  }

  static void checkHeads(AttentionShape shape, int world) {
    if (shape.heads() % world != 0) {
      throw new IllegalArgumentException(
          "heads must be a multiple of the ranks (" + world + "), got " + shape.heads());
    }
    if (shape.kvHeads() % world != 0 && world % shape.kvHeads() != 0) {
      throw new IllegalArgumentException(
          "kvHeads must be a multiple or a divisor of the ranks ("
              + world
              + "), got "
              + shape.kvHeads());
    }
  }

  /**
   * The heads of one tensor that a rank computes.
   *
   * @param all heads of the tensor
   * @param first head of the rank
   * @param count heads of the rank
   */
  private record Heads(int all, int first, int count) {}

  private Heads queryHeads(int rank) {
    return new Heads(shape.heads(), rank * localHeads, localHeads);
  }

  private Heads keyHeads(int rank) {
    int first = rank * localHeads / shape.headsPerKvHead();
    int last = ((rank + 1) * localHeads - 1) / shape.headsPerKvHead();
    return new Heads(shape.kvHeads(), first, last - first + 1);
  }

  @Override
  public Shard attend(
      Compute compute, BlockSparseLayout layout, Shard query, Shard key, Shard value) {
    AttentionShape local =
        new AttentionShape(
            1,
            shape.latentFrames(),
            shape.patchesPerFrame(),
            shape.textTokens(),
            localHeads,
            keyHeads(ranks.rank()).count(),
            shape.headDim());
    try (Arena arena = Arena.ofShared()) {
      MemorySegment q = gather(arena, query, false);
      MemorySegment k = gather(arena, key, true);
      MemorySegment v = gather(arena, value, true);
      AttentionOutput output = AttentionOutput.allocate(local, arena);
      compute.run(
          new AttentionProblem(new AttentionInputs(local, DType.F32, q, k, v), layout), output);
      return scatter(output.out());
    }
  }

  /** Token shards of all heads to all tokens of this rank's heads. */
  private MemorySegment gather(Arena arena, Shard shard, boolean keys) {
    float[][] parts = new float[ranks.world()][];
    for (int to = 0; to < parts.length; to++) {
      parts[to] = headsOf(shard.video(), keys ? keyHeads(to) : queryHeads(to));
    }
    Heads mine = keys ? keyHeads(ranks.rank()) : queryHeads(ranks.rank());
    float[][] received =
        ranks.allToAll(parts, lengths(localTokens * mine.count() * shape.headDim()));
    float[] text = headsOf(shard.text(), mine);
    long elements = (long) shape.tokens() * mine.count() * shape.headDim();
    MemorySegment whole = arena.allocate(elements * Float.BYTES, 64);
    long at = 0;
    for (float[] part : received) {
      at = append(whole, at, part);
    }
    append(whole, at, text);
    return whole;
  }

  /** Every rank sends the same amount. */
  private int[] lengths(int each) {
    int[] lengths = new int[ranks.world()];
    Arrays.fill(lengths, each);
    return lengths;
  }

  private static long append(MemorySegment whole, long at, float[] part) {
    MemorySegment.copy(part, 0, whole, ValueLayout.JAVA_FLOAT, at, part.length);
    return at + (long) part.length * Float.BYTES;
  }

  /** Copies some heads of every token. */
  private float[] headsOf(float[] tokens, Heads heads) {
    int row = heads.all() * shape.headDim();
    int part = heads.count() * shape.headDim();
    int count = tokens.length / row;
    float[] some = new float[count * part];
    for (int token = 0; token < count; token++) {
      System.arraycopy(
          tokens, token * row + heads.first() * shape.headDim(), some, token * part, part);
    }
    return some;
  }

  /** All tokens of this rank's heads back to this rank's tokens, and all text, of all heads. */
  private Shard scatter(MemorySegment out) {
    int row = localHeads * shape.headDim();
    float[][] parts = new float[ranks.world()][(localTokens + shape.textTokens()) * row];
    for (int to = 0; to < parts.length; to++) {
      copy(out, (long) to * localTokens, parts[to], 0, localTokens);
      copy(out, shape.videoTokens(), parts[to], localTokens, shape.textTokens());
    }
    float[][] received = ranks.allToAll(parts, lengths(parts[0].length));
    int all = shape.heads() * shape.headDim();
    float[] video = new float[localTokens * all];
    float[] text = new float[shape.textTokens() * all];
    for (int from = 0; from < received.length; from++) {
      int first = queryHeads(from).first() * shape.headDim();
      for (int token = 0; token < localTokens + shape.textTokens(); token++) {
        boolean isText = token >= localTokens;
        int place = (isText ? token - localTokens : token) * all + first;
        System.arraycopy(received[from], token * row, isText ? text : video, place, row);
      }
    }
    return new Shard(video, text);
  }

  private void copy(MemorySegment out, long token, float[] part, int at, int count) {
    int row = localHeads * shape.headDim();
    MemorySegment.copy(
        out, ValueLayout.JAVA_FLOAT, token * row * Float.BYTES, part, at * row, count * row);
  }

  /**
   * {@inheritDoc}
   *
   * <p>To each other rank: its heads of query, key and value of this rank's tokens, and this rank's
   * heads of the other's tokens and of the text of the result. The layout does not matter.
   */
  @Override
  public long bytesSent(BlockSparseLayout layout) {
    long elements = 0;
    for (int to = 0; to < ranks.world(); to++) {
      if (to != ranks.rank()) {
        elements +=
            (2L * localHeads + 2L * keyHeads(to).count()) * localTokens
                + (long) localHeads * shape.textTokens();
      }
    }
    return elements * shape.headDim() * Float.BYTES;
  }
}
