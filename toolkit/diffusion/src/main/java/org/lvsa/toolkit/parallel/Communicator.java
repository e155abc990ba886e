// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * One rank's way to the others: the only thing that attention over several ranks needs of a
 * transport. It is small enough to be implemented with NCCL ({@code ncclSend} and {@code ncclRecv}
 * in one group) or MPI ({@code MPI_Alltoallv}).
 */
public interface Communicator extends AutoCloseable {
  /** The number of this rank, from 0. */
  int rank();

  /** How many ranks there are. */
  int world();

  /**
   * Sends {@code parts[r]} to rank r and receives what each rank has for this one. Every rank has
   * to make the same exchanges in the same order.
   *
   * @return a part from each rank, this one's own included, in the order of the ranks
   * @throws RankFailure if another rank gave up or cannot be reached
   */
  float[][] allToAll(float[][] parts);

  /** Bytes that this rank has sent to others so far, in exchanges of its groups too. */
  long bytesSent();

  /**
   * The communicator of some of the ranks, for exchanges that the others take no part in. Each
   * member asks for it with the same list. A failure of any rank ends the exchanges of all groups.
   *
   * @param members numbers of ranks of this communicator, in the group's order; this rank is one
   */
  Communicator group(List<Integer> members);

  /** The number, among all ranks of the run, of a member of this communicator. */
  default int number(int member) {
    return member;
  }

  /**
   * Does nothing as long as no rank of the run has given up. A rank that computes for long between
   * two exchanges calls it now and then, so that it ends when another one did.
   *
   * @throws RankFailure with the reason of the rank that gave up first
   */
  default void check() {}

  /** Leaves. The others' next exchange with this rank fails at once instead of waiting. */
  @Override
  default void close() {}

  /**
   * Gives up: leaves, and lets the others' next exchange fail with the reason.
   *
   * @param cause why; a {@link RankFailure} is passed on as it is, so that all ranks report the
   *     first failure
   */
  default void fail(Throwable cause) {
    close();
  }

  /** Does this rank's work; if it fails, the other ranks end with its reason. */
  default <T> T work(RankWork<T> work) throws Exception {
    try {
      return work.run(this);
    } catch (Exception | Error e) {
      fail(e);
      throw e;
    }
  }

  /**
   * As {@link #allToAll}, where this rank knows how much each rank sends.
   *
   * @param lengths numbers that rank r sends to this rank
   * @throws RankFailure also if a rank sends another amount: it then runs with other settings
   */
  default float[][] allToAll(float[][] parts, int[] lengths) {
    float[][] received = allToAll(parts);
    for (int from = 0; from < received.length; from++) {
      if (received[from].length != lengths[from]) {
        throw new RankFailure(
            number(from),
            "sent "
                + received[from].length
                + " numbers in place of "
                + lengths[from]
                + ": it runs with other settings than rank "
                + number(rank()));
      }
    }
    return received;
  }

  /**
   * Sends the same part to every rank. All ranks' parts have one length.
   *
   * @return a part from each rank, this one's own included, in the order of the ranks
   * @throws RankFailure if another rank gave up, cannot be reached, or sends another amount
   */
  default float[][] allGather(float[] part) {
    float[][] parts = new float[world()][];
    Arrays.fill(parts, part);
    int[] lengths = new int[world()];
    Arrays.fill(lengths, part.length);
    return allToAll(parts, lengths);
  }

  /**
   * The place of this rank in a group.
   *
   * @throws IllegalArgumentException if it is not in it, or a number is no rank's or comes twice
   */
  default int requireMember(List<Integer> members) {
    boolean ranks = members.stream().allMatch(member -> member >= 0 && member < world());
    if (!ranks || Set.copyOf(members).size() != members.size() || !members.contains(rank())) {
      throw new IllegalArgumentException(
          "a group must have different ranks below "
              + world()
              + ", this one ("
              + rank()
              + ") among them, got "
              + members);
    }
    return members.indexOf(rank());
  }

  /** The communicator of a rank that is alone. */
  static Communicator alone() {
    return new Alone();
  }

  /** The only rank: nothing is sent. */
  record Alone() implements Communicator {
    @Override
    public int rank() {
      return 0;
    }

    @Override
    public int world() {
      return 1;
    }

    @Override
    public float[][] allToAll(float[][] parts) {
      return parts.clone();
    }

    @Override
    public Communicator group(List<Integer> members) {
      requireMember(members);
      return this;
    }

    @Override
    public long bytesSent() {
      return 0;
    }
  }
}
