// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.util.stream.IntStream;

/** Which numbers of heads ranks may divide, by vLLM-Omni's names. */
public enum UlyssesMode {
  /** Every rank has equally many heads. */
  STRICT,
  /** Any number of heads: some ranks have one more than others, or none. */
  ADVANCED_UAA;

  /**
   * Refuses heads that do not divide, where they have to.
   *
   * @param heads that the ranks divide
   * @param ranks of a heads group
   * @throws IllegalArgumentException naming both numbers, and what would divide
   */
  public void check(int heads, int ranks) {
    if (this == STRICT && heads % ranks != 0) {
      throw new IllegalArgumentException(
          "heads must be a multiple of --ulysses-degree ("
              + ranks
              + "), got "
              + heads
              + ": try one of "
              + IntStream.rangeClosed(1, heads).filter(n -> heads % n == 0).boxed().toList()
              + ", or --ulysses-mode advanced_uaa");
    }
  }
}
