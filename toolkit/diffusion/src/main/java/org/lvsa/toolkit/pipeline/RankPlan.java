// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.Optional;
import org.lvsa.toolkit.attention.RankView;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.ContextParallel.Scheme;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.parallel.Loopback;
import org.lvsa.toolkit.parallel.Patience;
import org.lvsa.toolkit.parallel.RankProcesses;
import org.lvsa.toolkit.parallel.RankWork;
import org.lvsa.toolkit.parallel.RunSecret;

/**
 * The ranks that make a video together, and how to run them.
 *
 * @param world number of ranks
 * @param scheme how they divide self-attention
 * @param ranks threads of this JVM, or processes
 * @param place where a process that is a later rank joins; empty in the process that a user started
 * @param laterRank the command of a process that is a later rank
 */
public record RankPlan(
    int world, Scheme scheme, Ranks ranks, Optional<Place> place, RankProcesses.Command laterRank) {

  /** How the ranks run. */
  public enum Ranks {
    /** Threads of this JVM. */
    THREADS,
    /** JVMs of this machine, over TCP. */
    PROCESSES
  }

  /** One rank, which runs in this process. */
  public static RankPlan one() {
    return new RankPlan(
        1,
        Scheme.ULYSSES,
        Ranks.THREADS,
        Optional.empty(),
        (rank, port) -> {
          throw new IllegalStateException("there is one rank only");
        });
  }

  /** Ranks of one process, each of which holds what it computes with. */
  public int ranksPerProcess() {
    return ranks == Ranks.THREADS ? world : 1;
  }

  /**
   * Where a later rank joins.
   *
   * @param rank this one, from 1
   * @param port that rank 0 listens on
   */
  public record Place(int rank, int port) {
    /**
     * Reads {@code RANK:PORT}.
     *
     * @throws IllegalArgumentException if the text has another form
     */
    public static Place parse(String text) {
      if (!text.matches("\\d{1,6}:\\d{1,5}")) {
        throw new IllegalArgumentException("--joins must be RANK:PORT, got " + text);
      }
      String[] numbers = text.split(":");
      return new Place(Integer.parseInt(numbers[0]), Integer.parseInt(numbers[1]));
    }
  }

  /** Whether this process was started by another one, as a later rank of it. */
  public boolean later() {
    return place.isPresent();
  }

  /** One rank that runs the pattern that all ranks together run. */
  public RankView alone() {
    return new RankView(Communicator.alone(), scheme, scheme.guardsBoundaries() ? world : 1);
  }

  /** One of the ranks. */
  public RankView view(Communicator rank) {
    return RankView.of(rank, scheme);
  }

  /** Runs the work on every rank, and returns what rank 0 gives. */
  public <T> T run(RankWork<T> work) throws Exception {
    return switch (ranks) {
      case THREADS -> InProcess.run(world, work).getFirst();
      case PROCESSES -> RankProcesses.run(world, Patience.DEFAULT, laterRank, work);
    };
  }

  /**
   * Does this process's part as a later rank.
   *
   * @return whether the work went well; a failure is told to rank 0, which reports it
   */
  public boolean runLater(RankWork<?> work) throws Exception {
    Place here = place.orElseThrow();
    try (Communicator rank =
        Loopback.join(
            here.rank(), world, here.port(), RunSecret.of(System.getenv()), Patience.DEFAULT)) {
      try {
        rank.work(work);
        return true;
      } catch (Exception | Error e) {
        return false;
      }
    }
  }

  /** As the table's heading has it: {@code 4 ranks, by heads}. */
  @Override
  public String toString() {
    return world + (scheme == Scheme.ULYSSES ? " ranks, by heads" : " ranks, by queries");
  }
}
