// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.DType;

/**
 * What a pattern chose, as kernels run it: a layout of token blocks, and the orders in which the
 * tokens must stand for it. Query, key and value are reordered before attention ({@link #reorder}),
 * and the output is put back afterwards ({@link #restore}).
 *
 * @param selections one for all heads, or one per head
 */
public record SelectedBlocks(List<HeadSelection> selections) {

  /**
   * @throws IllegalArgumentException if there is no selection
   */
  public SelectedBlocks {
    selections = List.copyOf(selections);
    if (selections.isEmpty()) {
      throw new IllegalArgumentException("blocks of at least one head are needed, got none");
    }
  }

  /** The layout, for tokens in the selections' orders. */
  public BlockSparseLayout layout() {
    return OrderedLayout.of(selections).layout();
  }

  /** Whether any token has to move. */
  public boolean moves() {
    return !OrderedLayout.of(selections).orders().areIdentity();
  }

  /** The selection of a query head. */
  public HeadSelection head(int head) {
    return selections.get(selections.size() == 1 ? 0 : head);
  }

  /**
   * Query, key and value in the selections' orders.
   *
   * @throws IllegalArgumentException if query heads that share keys want them in different orders
   */
  public AttentionInputs reorder(AttentionInputs inputs, Arena arena) {
    AttentionShape shape = inputs.shape();
    DType dtype = inputs.dtype();
    int perKey = shape.headsPerKvHead();
    for (int head = 0; head < shape.heads(); head++) {
      if (!head(head).keyOrder().equals(head(head / perKey * perKey).keyOrder())) {
        throw new IllegalArgumentException(
            "heads that share keys need them in one order, and head "
                + head
                + " wants another than the heads beside it");
      }
    }
    MemorySegment query = arena.allocate(inputs.query().byteSize(), 64);
    MemorySegment key = arena.allocate(inputs.key().byteSize(), 64);
    MemorySegment value = arena.allocate(inputs.value().byteSize(), 64);
    long bytes = (long) shape.headDim() * dtype.bytes();
    each(
        shape,
        (sequence, token, head) -> {
          HeadSelection selection = head(head);
          MemorySegment.copy(
              inputs.query(),
              shape.queryOffset(sequence, selection.queryOrder().source()[token], head)
                  * dtype.bytes(),
              query,
              shape.queryOffset(sequence, token, head) * dtype.bytes(),
              bytes);
          if (head % perKey == 0) {
            long from =
                shape.keyOffset(sequence, selection.keyOrder().source()[token], head)
                    * dtype.bytes();
            long to = shape.keyOffset(sequence, token, head) * dtype.bytes();
            MemorySegment.copy(inputs.key(), from, key, to, bytes);
            MemorySegment.copy(inputs.value(), from, value, to, bytes);
          }
        });
    return new AttentionInputs(shape, dtype, query, key, value);
  }

  /** Puts an output back into the sequence's own order. The log-sum-exp is not moved. */
  public void restore(AttentionShape shape, AttentionOutput ordered, AttentionOutput into) {
    long bytes = (long) shape.headDim() * Float.BYTES;
    each(
        shape,
        (sequence, token, head) ->
            MemorySegment.copy(
                ordered.out(),
                shape.queryOffset(sequence, token, head) * Float.BYTES,
                into.out(),
                shape.queryOffset(sequence, head(head).queryOrder().source()[token], head)
                    * Float.BYTES,
                bytes));
  }

  private interface Vector {
    void at(int sequence, int token, int head);
  }

  private static void each(AttentionShape shape, Vector action) {
    IntStream.range(0, shape.tokens())
        .parallel()
        .forEach(
            token -> {
              for (int sequence = 0; sequence < shape.batch(); sequence++) {
                for (int head = 0; head < shape.heads(); head++) {
                  action.at(sequence, token, head);
                }
              }
            });
  }
}
