// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.lvsa.kernels.cpu.Blocking.BLOCK;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KeyRanges;

/**
 * All chunks of a problem in the order in which they are computed: sequence after sequence, in it
 * head after head.
 *
 * @param byHead the chunks of each query head; heads with the same layout share one list, but for
 *     the last one
 * @param ends for each query head, the number of chunks of all heads up to and including it
 * @param batch number of sequences
 */
record ChunkList(List<List<Chunk>> byHead, long[] ends, int batch) {

  /** A chunk shrinks to its share of what is left, but not further: each stages its own keys. */
  private static final int LEAST_BLOCKS = 4;

  /**
   * Cuts a problem into chunks of at most {@code most} queries. The chunks of the last head become
   * smaller towards its end, so that all threads end at about the same time.
   */
  static ChunkList plan(AttentionShape shape, BlockSparseLayout layout, int most, int threads) {
    IntUnaryOperator shrinking =
        left -> Math.clamp(Math.ceilDiv(left / (2 * threads), BLOCK), LEAST_BLOCKS, most / BLOCK);
    List<List<Chunk>> byHead = new ArrayList<>();
    long[] ends = new long[shape.heads()];
    for (int head = 0; head < shape.heads(); head++) {
      boolean last = head == shape.heads() - 1;
      byHead.add(
          head > 0 && !last && layout.heads() == 1
              ? byHead.getFirst()
              : Chunk.plan(
                  KeyRanges.of(shape, layout, head), last ? shrinking : left -> most / BLOCK));
      ends[head] = (head > 0 ? ends[head - 1] : 0) + byHead.get(head).size();
    }
    return new ChunkList(byHead, ends, shape.batch());
  }

  /** Number of chunks of all heads and sequences. */
  long total() {
    return Math.multiplyExact(perSequence(), (long) batch);
  }

  /** The most blocks of queries of a chunk. */
  int mostBlocks() {
    return byHead.stream().flatMap(List::stream).mapToInt(Chunk::blocks).max().orElseThrow();
  }

  /** The sequence that a chunk belongs to. */
  int sequence(long chunk) {
    return (int) (chunk / perSequence());
  }

  /** The query head that a chunk belongs to. */
  int head(long chunk) {
    int found = Arrays.binarySearch(ends, chunk % perSequence() + 1);
    return found >= 0 ? found : -found - 1;
  }

  /** A chunk, counted over all heads and sequences. */
  Chunk chunk(long chunk) {
    int head = head(chunk);
    long before = head > 0 ? ends[head - 1] : 0;
    return byHead.get(head).get((int) (chunk % perSequence() - before));
  }

  private long perSequence() {
    return ends[ends.length - 1];
  }
}
