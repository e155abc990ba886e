// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.List;

/**
 * A sparse attention pattern: either a function of the video's size alone ({@link StaticPattern}),
 * or one that looks at queries and keys ({@link HeadPattern}). {@link PatternKind} lists the
 * published ones; a pattern of one's own implements one of the two.
 */
public sealed interface BlockPattern permits StaticPattern, HeadPattern {
  /** The name on the command line and in result rows. */
  String name();

  /**
   * The blocks of all heads.
   *
   * @param heads query, key and value of each head; a static pattern does not look at them
   * @return one selection for all heads of a static pattern, else one per head
   * @throws IllegalArgumentException if the pattern does not take a video of this size
   */
  default List<HeadSelection> selections(TokenGrid grid, List<HeadInputs> heads) {
    return switch (this) {
      case StaticPattern all -> List.of(HeadSelection.of(all.order(grid), all.mask(grid)));
      case HeadPattern byHead -> heads.stream().map(inputs -> byHead.select(grid, inputs)).toList();
    };
  }

  /** The density of tokens of some selections: their mean. */
  static double density(List<HeadSelection> selections) {
    return selections.stream()
        .mapToDouble(HeadSelection::density)
        .average()
        .orElseThrow(() -> new IllegalArgumentException("a pattern that looks at heads got none"));
  }
}
