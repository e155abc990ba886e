// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.List;
import java.util.stream.IntStream;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.TokenOrders;

/**
 * What a pattern chose for a batch of sequences, as kernels run it: {@link BatchAttention} does.
 *
 * @param sequences one layout for all sequences, or one per sequence
 */
public record BatchLayout(List<OrderedLayout> sequences) {
  /**
   * @throws IllegalArgumentException if there is no layout
   */
  public BatchLayout {
    sequences = List.copyOf(sequences);
    if (sequences.isEmpty()) {
      throw new IllegalArgumentException("a batch needs at least one layout, got none");
    }
  }

  /** One layout for all sequences. */
  public static BatchLayout of(OrderedLayout all) {
    return new BatchLayout(List.of(all));
  }

  /**
   * The layout of what a pattern chose.
   *
   * @param selections one for everything, or one per query head, sequence after sequence
   * @param heads query heads of a sequence
   * @throws IllegalArgumentException if the selections are no whole number of sequences
   */
  public static BatchLayout of(List<HeadSelection> selections, int heads) {
    if (selections.size() == 1) {
      return of(OrderedLayout.of(selections));
    }
    if (selections.isEmpty() || selections.size() % heads != 0) {
      throw new IllegalArgumentException(
          "there must be one selection, or one per head ("
              + heads
              + ") of each sequence, got "
              + selections.size());
    }
    return new BatchLayout(
        IntStream.range(0, selections.size() / heads)
            .mapToObj(
                sequence ->
                    OrderedLayout.of(selections.subList(sequence * heads, (sequence + 1) * heads)))
            .toList());
  }

  /** The layout of a sequence. */
  public OrderedLayout sequence(int sequence) {
    return sequences.get(sequences.size() == 1 ? 0 : sequence);
  }

  /** The orders of the tokens: one for all sequences, or one per sequence. */
  public List<TokenOrders> orders() {
    return sequences.stream().map(OrderedLayout::orders).toList();
  }

  /** What a kernel really computes when it is asked for this. */
  public BatchLayout computed(AttentionKernel kernel) {
    return new BatchLayout(
        sequences.stream()
            .map(one -> new OrderedLayout(kernel.computed(one.layout()), one.orders()))
            .toList());
  }

  /** Share of all pairs of tokens that is attended to: the mean over the sequences. */
  public double density() {
    return layouts().stream().mapToDouble(BlockSparseLayout::density).average().orElseThrow();
  }

  /** Floating-point operations, as {@link AttentionShape#flops} counts them. */
  public double flops(AttentionShape shape) {
    return layouts().stream().mapToDouble(shape::flops).average().orElseThrow();
  }

  private List<BlockSparseLayout> layouts() {
    return sequences.stream().map(OrderedLayout::layout).toList();
  }
}
