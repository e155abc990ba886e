// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

/**
 * The ranks that share one sequence, and how they are grouped: those that divide by heads are
 * neighbours, those that pass keys and values round lie as far apart as that group is large.
 *
 * @param all of them; the parts of the sequence are in their order
 * @param ulysses those of this rank's heads group
 * @param ring those of this rank's ring
 */
public record SequenceRanks(Communicator all, Communicator ulysses, Communicator ring) {

  /** One rank that holds the whole sequence. */
  public static SequenceRanks alone() {
    Communicator alone = Communicator.alone();
    return new SequenceRanks(alone, alone, alone);
  }

  /**
   * Groups the ranks.
   *
   * @param all {@code ulysses · ring} ranks
   */
  public static SequenceRanks of(Communicator all, int ulysses, int ring) {
    RankGroups groups = new RankGroups(1, ulysses, ring, 1, 1, 1);
    groups.requireWorld(all.world());
    return new SequenceRanks(
        all,
        all.group(RankGroups.with(groups.ulyssesGroups(), all.rank())),
        all.group(RankGroups.with(groups.ringGroups(), all.rank())));
  }
}
