// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;

/**
 * One rank's place among the ranks that make a video together.
 *
 * @param ranks this rank and its way to the others
 * @param scheme how the ranks divide self-attention
 * @param boundaries for how many ranks the pattern is guarded: frames around the boundaries between
 *     that many equal parts are global; 1 guards none. The result depends on this number and not on
 *     the number of ranks
 */
public record RankView(Communicator ranks, Scheme scheme, int boundaries) {

  /** The only rank of a video. */
  public static RankView alone() {
    return new RankView(Communicator.alone(), Scheme.ULYSSES, 1);
  }

  /** A rank of several, with guarded boundaries where the scheme needs them. */
  public static RankView of(Communicator ranks, Scheme scheme) {
    return new RankView(ranks, scheme, scheme.guardsBoundaries() ? ranks.world() : 1);
  }

  /** How many ranks there are. */
  public int world() {
    return ranks.world();
  }
}
