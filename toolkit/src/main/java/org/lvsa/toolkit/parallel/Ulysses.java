// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;

/**
 * Attention of one rank of several (DeepSpeed-Ulysses): it holds {@code tokens / world} tokens of
 * all heads, computes all tokens of {@code heads / world} heads, and gets its tokens of the result.
 */
public final class Ulysses {
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
    if (shape.batch() != 1) {
      throw new IllegalArgumentException("batch must be 1, got " + shape.batch());
    }
    divides("tokens", shape.tokens(), world);
    divides("heads", shape.heads(), world);
    if (shape.kvHeads() % world != 0 && world % shape.kvHeads() != 0) {
      throw new IllegalArgumentException(
          "kvHeads must be a multiple or a divisor of the ranks ("
              + world
              + "), got "
              + shape.kvHeads());
    }
    this.shape = shape;
    this.ranks = ranks;
    localTokens = shape.tokens() / world;
    localHeads = shape.heads() / world;
  }

  private static void divides(String name, int value, int world) {
    if (value % world != 0) {
      throw new IllegalArgumentException(
          name + " must be a multiple of the ranks (" + world + "), got " + value);
    }
  }

  /** Query heads that a rank computes are {@code [firstHead(r), firstHead(r) + heads / world)}. */
  private int firstHead(int rank) {
    return rank * localHeads;
  }

  private int firstKvHead(int rank) {
    return firstHead(rank) / shape.headsPerKvHead();
  }

  private int localKvHeads(int rank) {
    return (firstHead(rank) + localHeads - 1) / shape.headsPerKvHead() - firstKvHead(rank) + 1;
  }

  /**
   * The rank's tokens of the result.
   *
   * @param kernel that computes
   * @param layout of the whole video
   * @param query {@code [tokens / world, heads, headDim]}, this rank's tokens
   * @param key {@code [tokens / world, kvHeads, headDim]}
   * @param value as key
   * @return as query
   */
  public float[] attend(
      AttentionKernel kernel, BlockSparseLayout layout, float[] query, float[] key, float[] value) {
    int rank = ranks.rank();
    int kvHeads = localKvHeads(rank);
    AttentionShape local =
        new AttentionShape(
            1,
            shape.latentFrames(),
            shape.patchesPerFrame(),
            shape.textTokens(),
            localHeads,
            kvHeads,
            shape.headDim());
    try (Arena arena = Arena.ofShared()) {
      MemorySegment q = gather(arena, query, shape.heads(), false);
      MemorySegment k = gather(arena, key, shape.kvHeads(), true);
      MemorySegment v = gather(arena, value, shape.kvHeads(), true);
      AttentionOutput output = AttentionOutput.allocate(local, arena);
      kernel.run(new AttentionProblem(local, layout, DType.F32, q, k, v), output);
      return scatter(output.out());
    }
  }

  /** Token shards of all heads to all tokens of this rank's heads. */
  private MemorySegment gather(Arena arena, float[] shard, int heads, boolean kv) {
    int width = shape.headDim();
    float[][] parts = new float[ranks.world()][];
    for (int to = 0; to < parts.length; to++) {
      int first = kv ? firstKvHead(to) : firstHead(to);
      int count = kv ? localKvHeads(to) : localHeads;
      parts[to] = new float[localTokens * count * width];
      for (int token = 0; token < localTokens; token++) {
        System.arraycopy(
            shard,
            (token * heads + first) * width,
            parts[to],
            token * count * width,
            count * width);
      }
    }
    float[][] received = ranks.allToAll(parts);
    MemorySegment whole =
        arena.allocate((long) received[0].length * received.length * Float.BYTES, 64);
    long at = 0;
    for (float[] part : received) {
      MemorySegment.copy(part, 0, whole, ValueLayout.JAVA_FLOAT, at, part.length);
      at += (long) part.length * Float.BYTES;
    }
    return whole;
  }

  /** All tokens of this rank's heads back to this rank's tokens of all heads. */
  private float[] scatter(MemorySegment out) {
    int row = localHeads * shape.headDim();
    float[][] parts = new float[ranks.world()][localTokens * row];
    for (int to = 0; to < parts.length; to++) {
      MemorySegment.copy(
          out,
          ValueLayout.JAVA_FLOAT,
          (long) to * localTokens * row * Float.BYTES,
          parts[to],
          0,
          parts[to].length);
    }
    float[][] received = ranks.allToAll(parts);
    float[] shard = new float[localTokens * shape.heads() * shape.headDim()];
    for (int from = 0; from < received.length; from++) {
      for (int token = 0; token < localTokens; token++) {
        System.arraycopy(
            received[from],
            token * row,
            shard,
            (token * shape.heads() + firstHead(from)) * shape.headDim(),
            row);
      }
    }
    return shard;
  }

  /**
   * Bytes that a rank sends to others in one attention: its tokens of every head that another rank
   * computes (query, key, value), and its heads of every token that another rank holds.
   */
  public long bytesSent() {
    long sent = 0;
    for (int to = 0; to < ranks.world(); to++) {
      if (to != ranks.rank()) {
        sent += (2L * localHeads + 2L * localKvHeads(to)) * localTokens * shape.headDim();
      }
    }
    return sent * Float.BYTES;
  }
}
