// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

/** A pattern that looks at a head's queries and keys and chooses blocks for that head. */
public non-sealed interface HeadPattern extends BlockPattern {
  /**
   * The blocks of one head.
   *
   * @throws IllegalArgumentException if the pattern does not take a video of this size
   */
  HeadSelection select(TokenGrid grid, HeadInputs inputs);
}
