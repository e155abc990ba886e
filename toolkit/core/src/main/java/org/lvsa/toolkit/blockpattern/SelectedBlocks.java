// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.List;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.TokenOrders;

/**
 * What a pattern chose, as kernels run it: a layout of token blocks, and the orders in which the
 * tokens must stand for it.
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

  /** The orders that the layout refers to. */
  public TokenOrders orders() {
    return OrderedLayout.of(selections).orders();
  }

  /** The selection of a query head. */
  public HeadSelection head(int head) {
    return selections.get(selections.size() == 1 ? 0 : head);
  }
}
