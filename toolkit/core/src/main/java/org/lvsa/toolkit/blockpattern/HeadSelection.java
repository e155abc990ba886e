// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import org.lvsa.kernels.TokenOrder;

/**
 * What a pattern chose for one head.
 *
 * @param queryOrder order of the queries that the mask's rows refer to
 * @param keyOrder order of the keys and values that the mask's columns refer to
 * @param mask the blocks
 */
public record HeadSelection(TokenOrder queryOrder, TokenOrder keyOrder, BlockMask mask) {
  /** One order for queries and keys. */
  static HeadSelection of(TokenOrder order, BlockMask mask) {
    return new HeadSelection(order, order, mask);
  }
}
