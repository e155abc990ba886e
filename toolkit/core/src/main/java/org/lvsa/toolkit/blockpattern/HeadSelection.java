// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Optional;
import org.lvsa.kernels.TokenBlocks;
import org.lvsa.kernels.TokenOrder;

/**
 * What a pattern chose for one head.
 *
 * @param queryOrder order of the queries that the mask's rows refer to
 * @param keyOrder order of the keys and values that the mask's columns refer to
 * @param mask the blocks
 * @param exact the same choice where it is finer than whole blocks; empty where the mask says all
 */
public record HeadSelection(
    TokenOrder queryOrder, TokenOrder keyOrder, BlockMask mask, Optional<TokenBlocks> exact) {
  /** A choice of whole blocks. */
  public HeadSelection(TokenOrder queryOrder, TokenOrder keyOrder, BlockMask mask) {
    this(queryOrder, keyOrder, mask, Optional.empty());
  }

  /** One order for queries and keys. */
  static HeadSelection of(TokenOrder order, BlockMask mask) {
    return new HeadSelection(order, order, mask);
  }

  /** What a kernel is asked to run. */
  public TokenBlocks blocks() {
    return exact.orElseGet(() -> OrderedLayout.blocks(mask));
  }

  /** Attended pairs of tokens over all pairs of tokens. */
  public double density() {
    if (exact.isEmpty()) {
      return mask.densityOfTokens();
    }
    double tokens = exact.get().tokens();
    return exact.get().attendedPairs() / tokens / tokens;
  }
}
