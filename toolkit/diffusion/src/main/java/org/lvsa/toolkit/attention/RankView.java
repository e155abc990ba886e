// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;

/**
 * One rank's place among those that make a video together.
 *
 * @param ranks this rank and the others
 * @param scheme how they divide self-attention
 * @param boundaries frames around the boundaries of that many ranks' tokens are global; 1 for none.
 *     The pattern depends on it, so the same number gives the same result on any number of ranks
 */
public record RankView(Communicator ranks, Scheme scheme, int boundaries) {

  /** A generation that one rank makes. */
  public static RankView alone() {
    return new RankView(Communicator.alone(), Scheme.ULYSSES, 1);
  }

  /** With guarded boundaries where the scheme needs them, as published. */
  public static RankView of(Communicator ranks, Scheme scheme) {
    return new RankView(ranks, scheme, scheme.guardsBoundaries() ? ranks.world() : 1);
  }

  /** Ranks together. */
  public int world() {
    return ranks.world();
  }
}
