// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.net.ServerSocket;
import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.backend.DeviceList;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.parallel.InProcess;
import org.lvsa.toolkit.parallel.Loopback;
import org.lvsa.toolkit.parallel.Patience;
import org.lvsa.toolkit.parallel.RankProcesses;
import org.lvsa.toolkit.parallel.RankWork;
import org.lvsa.toolkit.parallel.RunSecret;

/**
 * How the ranks of a run are started, and on which devices.
 *
 * @param kind threads of this JVM, or processes
 * @param place which rank this process is, where each rank is a process that somebody starts; empty
 *     in the process that starts the others
 * @param laterRank the command of a process that is a later rank
 * @param devices one for each rank in turn; empty to leave the choice to the backend
 */
public record RankStart(
    Kind kind,
    Optional<Place> place,
    RankProcesses.Command laterRank,
    Optional<DeviceList> devices) {

  /** What a rank is. */
  public enum Kind {
    /** A thread of this JVM. */
    THREADS,
    /** A JVM of this machine, over TCP. */
    PROCESSES
  }

  /**
   * Checks that ranks with a place are processes, and that whoever starts them gives each its
   * device.
   *
   * @throws IllegalArgumentException naming what to give instead
   */
  public RankStart {
    if (place.isPresent() && kind == Kind.THREADS) {
      throw new IllegalArgumentException("--joins is of processes: give --ranks processes too");
    }
    if (devices.isPresent() && place.filter(here -> here.rank() == 0).isPresent()) {
      throw new IllegalArgumentException(
          "--devices is for ranks that rank 0 starts: give each process of --joins its own"
              + " --device, or CUDA_VISIBLE_DEVICES");
    }
  }

  /**
   * Which rank a process is, and where the ranks meet.
   *
   * @param rank this one
   * @param port of this machine that rank 0 listens on
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

  /** One rank, which runs in this process. */
  static RankStart one() {
    return new RankStart(
        Kind.THREADS,
        Optional.empty(),
        (rank, port) -> {
          throw new IllegalStateException("there is one rank only");
        },
        Optional.empty());
  }

  /** The same, with further words behind the command of a later rank. */
  RankStart withWords(List<String> words) {
    RankProcesses.Command longer =
        (rank, port) -> {
          ProcessBuilder process = laterRank.of(rank, port);
          process.command().addAll(words);
          return process;
        };
    return new RankStart(kind, place, longer, devices);
  }

  /** The same, on these devices. */
  RankStart on(DeviceList others) {
    return new RankStart(kind, place, laterRank, Optional.of(others));
  }

  /**
   * The device of a rank that runs in this process. A process that was started for a rank sees no
   * other device than that rank's, which is the first one there.
   */
  Optional<String> device(int rank) {
    return devices
        .map(all -> all.of(rank))
        .map(id -> place.isEmpty() ? id : DeviceList.idAlone(id));
  }

  /** Whether this process is a rank after the first. */
  boolean later() {
    return place.filter(here -> here.rank() > 0).isPresent();
  }

  /** Which devices the ranks take, to follow their number: {@code ; devices 0:0,0:1 in turn}. */
  public String devicesInWords() {
    return devices.map(all -> "; devices " + all + " in turn").orElse("");
  }

  /** Runs the work on every rank, and returns what rank 0 gives. */
  <T> T run(int world, RankWork<T> work) throws Exception {
    return switch (kind) {
      case THREADS -> InProcess.run(world, work).getFirst();
      case PROCESSES ->
          place.isEmpty()
              ? RankProcesses.run(world, Patience.DEFAULT, this::process, work)
              : runFirst(world, place.get().port(), work);
    };
  }

  /** Does this process's part as rank 0 of ranks that somebody else starts. */
  private static <T> T runFirst(int world, int port, RankWork<T> work) throws Exception {
    RunSecret secret = RunSecret.of(System.getenv());
    try (ServerSocket server = Loopback.listen(world, port);
        Communicator first = Loopback.host(server, world, secret, Patience.DEFAULT)) {
      return first.work(work);
    }
  }

  /** The process of a later rank, which is shown that rank's device alone. */
  private ProcessBuilder process(int rank, int port) {
    ProcessBuilder process = laterRank.of(rank, port);
    devices.ifPresent(
        all -> process.environment().putAll(DeviceList.onlyVisible(all.of(rank), System.getenv())));
    return process;
  }

  /**
   * Does this process's part as a later rank.
   *
   * @param world number of ranks
   * @return whether the work went well; a failure is told to rank 0, which reports it
   */
  boolean runLater(int world, RankWork<?> work) throws Exception {
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
}
