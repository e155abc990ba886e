// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import org.lvsa.toolkit.parallel.RankGroups.Kind;

/**
 * One rank's place in the groups of a run: with whom it shares what.
 *
 * @param all every rank of the run
 * @param tensor those that share each layer's weights
 * @param sequence those that share the sequence of tokens
 * @param guidance those that run the branches of guidance
 * @param shards those that hold parts of each block's weights, whatever else they share
 */
public record RankPlace(
    Communicator all,
    Communicator tensor,
    SequenceRanks sequence,
    Communicator guidance,
    Communicator shards) {

  /** The only rank. */
  public static RankPlace alone() {
    return ofSequence(SequenceRanks.alone());
  }

  /** A rank of a run whose ranks share a sequence and nothing else. */
  public static RankPlace ofSequence(SequenceRanks sequence) {
    Communicator alone = Communicator.alone();
    return new RankPlace(sequence.all(), alone, sequence, alone, alone);
  }

  /**
   * A rank's place.
   *
   * @param all as many ranks as the groups have
   * @param sharding how many ranks hold parts of each block's weights together; 1 for none
   */
  public static RankPlace of(Communicator all, RankGroups groups, int sharding) {
    groups.requireWorld(all.world());
    return new RankPlace(
        all,
        group(all, groups, Kind.TENSOR),
        SequenceRanks.of(group(all, groups, Kind.SEQUENCE), groups.ulysses(), groups.ring()),
        group(all, groups, Kind.GUIDANCE),
        all.group(RankGroups.with(groups.shardGroups(sharding), all.rank())));
  }

  private static Communicator group(Communicator all, RankGroups groups, Kind kind) {
    return all.group(RankGroups.with(groups.of(kind), all.rank()));
  }
}
