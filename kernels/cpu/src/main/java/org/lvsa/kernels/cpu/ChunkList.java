// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KeyRanges;

/**
 * All chunks of a problem in the order in which they are computed: sequence after sequence, in it
 * head after head.
 *
 * @param byHead the chunks of each query head; heads with the same layout share one list
 * @param ends for each query head, the number of chunks of all heads up to and including it
 * @param batch number of sequences
 */
record ChunkList(List<List<Chunk>> byHead, long[] ends, int batch) {

  /** Cuts a problem into chunks of at most {@code most} queries. */
  static ChunkList plan(AttentionShape shape, BlockSparseLayout layout, int most) {
    List<List<Chunk>> byHead = new ArrayList<>();
    long[] ends = new long[shape.heads()];
    for (int head = 0; head < shape.heads(); head++) {
      byHead.add(
          head > 0 && layout.heads() == 1
              ? byHead.getFirst()
              : Chunk.plan(KeyRanges.of(shape, layout, head), most));
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
