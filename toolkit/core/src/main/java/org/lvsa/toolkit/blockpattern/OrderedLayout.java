// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.List;
import org.lvsa.kernels.BlockRows;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.TokenBlocks;
import org.lvsa.kernels.TokenOrder;
import org.lvsa.kernels.TokenOrders;

/**
 * A layout that a kernel can run, and the orders of tokens that its blocks refer to, for {@link
 * org.lvsa.kernels.AttentionKernel#prepare(org.lvsa.kernels.AttentionInputs, TokenOrders)}.
 *
 * @param layout the blocks, of one matrix for all heads or one per query head
 * @param orders the orders of queries, and of keys and values
 */
public record OrderedLayout(BlockSparseLayout layout, TokenOrders orders) {

  /** The layout of a pattern that is the same for all heads. */
  public static OrderedLayout of(StaticPattern pattern, TokenGrid grid) {
    return new OrderedLayout(
        BlockSparseLayout.ofBlocks(blocks(pattern.mask(grid))),
        TokenOrders.of(pattern.order(grid)));
  }

  /**
   * The layout of what a pattern chose for each query head.
   *
   * @param heads one selection per query head; a list of one is for all heads
   * @throws IllegalArgumentException if the list is empty, or the selections differ in their number
   *     of tokens
   */
  public static OrderedLayout of(List<HeadSelection> heads) {
    return new OrderedLayout(
        BlockSparseLayout.ofBlocks(heads.stream().map(HeadSelection::blocks).toList()),
        new TokenOrders(
            distinct(heads.stream().map(HeadSelection::queryOrder).toList()),
            distinct(heads.stream().map(HeadSelection::keyOrder).toList())));
  }

  /** A mask as the blocks of a layout. */
  public static TokenBlocks blocks(BlockMask mask) {
    return TokenBlocks.of(
        mask.querySizes(),
        mask.keySizes(),
        BlockRows.of(mask.columns(), mask.indptr(), mask.indices()));
  }

  /** One order in place of many equal ones, so that whole rows of memory can be moved. */
  private static List<TokenOrder> distinct(List<TokenOrder> orders) {
    List<TokenOrder> distinct = orders.stream().distinct().toList();
    return distinct.size() == 1 ? distinct : orders;
  }
}
