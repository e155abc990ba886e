// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Optional;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;
import org.lvsa.toolkit.parallel.RankPlace;

/**
 * One rank's place among the ranks that make a video together, and how they divide self-attention.
 *
 * @param place this rank and its way to the others
 * @param scheme how the ranks that share the sequence divide self-attention
 * @param boundaries for how many ranks the pattern is guarded: frames around the boundaries between
 *     that many equal parts are global; 1 guards none. The result depends on this number and not on
 *     the number of ranks
 * @param device that this rank computes on; empty for what all ranks are told
 */
public record RankView(RankPlace place, Scheme scheme, int boundaries, Optional<String> device) {

  /** The only rank of a video. */
  public static RankView alone() {
    return new RankView(RankPlace.alone(), Scheme.ULYSSES, 1, Optional.empty());
  }

  /** A rank of several that share the sequence and nothing else. */
  public static RankView of(Communicator ranks, Scheme scheme) {
    return of(RankPlace.ofSequence(scheme.group(ranks)), scheme);
  }

  /** A rank of several, with guarded boundaries where the scheme needs them. */
  public static RankView of(RankPlace place, Scheme scheme) {
    int sharing = place.sequence().all().world();
    return new RankView(place, scheme, scheme.guardsBoundaries() ? sharing : 1, Optional.empty());
  }

  /** The same rank on a device of its own. */
  public RankView on(Optional<String> its) {
    return new RankView(place, scheme, boundaries, its);
  }

  /** The ranks that share the sequence. */
  public Communicator ranks() {
    return place.sequence().all();
  }

  /** How many ranks share the sequence. */
  public int world() {
    return ranks().world();
  }
}
