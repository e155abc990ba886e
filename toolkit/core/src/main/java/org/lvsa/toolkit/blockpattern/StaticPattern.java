// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import org.lvsa.kernels.TokenOrder;

/** A pattern that depends on the video's size alone, the same for all heads, steps and inputs. */
public non-sealed interface StaticPattern extends BlockPattern {
  /** The tokens' order that the mask's blocks refer to. */
  default TokenOrder order(TokenGrid grid) {
    return TokenOrder.identity(grid.tokens());
  }

  /**
   * The mask.
   *
   * @throws IllegalArgumentException if the pattern does not take a video of this size
   */
  BlockMask mask(TokenGrid grid);
}
