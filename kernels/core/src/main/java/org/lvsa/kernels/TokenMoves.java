// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Moves the vectors of tensors {@code [batch, tokens, heads, …]} from token to token, on all cores.
 *
 * @param batch number of sequences
 * @param tokens number of tokens of each
 * @param fromHeads heads of the tensor that is read
 * @param toHeads heads of the tensor that is written, a multiple: each head is then written several
 *     times, one after another
 * @param vectorBytes bytes of one head's vector
 */
record TokenMoves(int batch, int tokens, int fromHeads, int toHeads, long vectorBytes) {
  /** Number of tokens that a thread takes at a time. */
  private static final int STRETCH = 256;

  /**
   * Brings tokens into an order.
   *
   * @param orders one order for all heads, or one per head that is written
   */
  void gather(MemorySegment from, MemorySegment to, List<TokenOrder> orders) {
    move(from, to, orders, true);
  }

  /** Undoes {@link #gather} of as many heads as were read. */
  void scatter(MemorySegment from, MemorySegment to, List<TokenOrder> orders) {
    move(from, to, orders, false);
  }

  private void move(MemorySegment from, MemorySegment to, List<TokenOrder> orders, boolean gather) {
    long stretches = Math.ceilDiv(tokens, STRETCH);
    LongStream.range(0, batch * stretches)
        .parallel()
        .forEach(
            i -> {
              long sequence = i / stretches;
              int first = (int) (i % stretches) * STRETCH;
              for (int token = first; token < Math.min(first + STRETCH, tokens); token++) {
                move(from, to, orders, gather, sequence * tokens, token);
              }
            });
  }

  private void move(
      MemorySegment from,
      MemorySegment to,
      List<TokenOrder> orders,
      boolean gather,
      long base,
      int token) {
    if (orders.size() == 1 && fromHeads == toHeads) {
      int other = orders.getFirst().source()[token];
      long bytes = fromHeads * vectorBytes;
      long at = (base + (gather ? other : token)) * bytes;
      MemorySegment.copy(from, at, to, (base + (gather ? token : other)) * bytes, bytes);
      return;
    }
    int copies = toHeads / fromHeads;
    for (int head = 0; head < toHeads; head++) {
      int other = orders.get(orders.size() == 1 ? 0 : head).source()[token];
      long read = (base + (gather ? other : token)) * fromHeads + head / copies;
      long written = (base + (gather ? token : other)) * toHeads + head;
      MemorySegment.copy(from, read * vectorBytes, to, written * vectorBytes, vectorBytes);
    }
  }
}
