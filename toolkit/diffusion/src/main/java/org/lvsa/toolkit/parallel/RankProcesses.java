// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs ranks as processes of this machine: this JVM is rank 0 and starts the others. */
public final class RankProcesses {
  /** How long the other processes may take to end once rank 0 is done. */
  private static final Duration ENDING = Duration.ofSeconds(10);

  /** How the line begins that a JVM with the Vector API prints when it starts. */
  private static final String INCUBATOR = "WARNING: Using incubator modules";

  private RankProcesses() {}

  /** The command of a process that does the same work as a later rank. */
  @FunctionalInterface
  public interface Command {
    /**
     * The command with what is special in its environment.
     *
     * @param rank the process's, from 1
     * @param hostPort the port for {@link Loopback#join}; the secret is in the process's
     *     environment
     */
    ProcessBuilder of(int rank, int hostPort);
  }

  /**
   * Starts the later ranks, does rank 0's work and ends the others.
   *
   * @param world number of ranks
   * @param patience how long they wait for each other
   * @param command how a later rank is started; what it says on standard error is said here
   * @param work of rank 0
   * @throws Exception rank 0's failure, or a {@link RankFailure} that names the rank that failed
   */
  public static <T> T run(int world, Patience patience, Command command, RankWork<T> work)
      throws Exception {
    RunSecret secret = RunSecret.draw();
    List<Process> others = new ArrayList<>();
    try (ServerSocket server = Loopback.listen(world)) {
      for (int rank = 1; rank < world; rank++) {
        Process process = start(command.of(rank, server.getLocalPort()), secret);
        others.add(process);
        passOn(process, "rank " + rank + ": ");
        // A rank that ends before it has joined will never come: nobody need wait for it.
        process.onExit().thenAccept(ended -> closeQuietly(server));
      }
      T result;
      try (Communicator first = connect(server, world, secret, patience, others)) {
        result = first.work(work);
      }
      for (Process other : others) {
        other.waitFor(ENDING.toMillis(), TimeUnit.MILLISECONDS);
      }
      return result;
    } catch (RankFailure e) {
      throw withExit(e, others);
    } finally {
      others.forEach(Process::destroyForcibly);
    }
  }

  private static Process start(ProcessBuilder command, RunSecret secret) throws IOException {
    command.environment().put(RunSecret.VARIABLE, secret.hex());
    return command.redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
  }

  /** Prints what a process complains of as this one's, but for a line of every JVM's start. */
  private static void passOn(Process process, String prefix) {
    Thread.ofVirtual()
        .start(
            () -> {
              try (BufferedReader lines = process.errorReader()) {
                lines
                    .lines()
                    .filter(line -> !line.startsWith(INCUBATOR))
                    .forEach(line -> System.err.println(prefix + line));
              } catch (IOException | UncheckedIOException e) {
                // The process was ended: it has nothing more to say.
              }
            });
  }

  private static Communicator connect(
      ServerSocket server, int world, RunSecret secret, Patience patience, List<Process> others)
      throws IOException {
    try {
      return Loopback.host(server, world, secret, patience);
    } catch (IOException e) {
      for (int i = 0; i < others.size(); i++) {
        if (!others.get(i).isAlive()) {
          throw new RankFailure(
              i + 1, "ended with exit code " + others.get(i).exitValue() + " before it had joined");
        }
      }
      throw e;
    }
  }

  /** Adds how the process of a lost rank ended, which its connection cannot tell. */
  private static RankFailure withExit(RankFailure failure, List<Process> others)
      throws InterruptedException {
    if (failure.rank() < 1 || !failure.lost()) {
      return failure;
    }
    Process process = others.get(failure.rank() - 1);
    if (!process.waitFor(1, TimeUnit.SECONDS)) {
      return failure;
    }
    RankFailure more =
        new RankFailure(
            failure.rank(), failure.reason() + " (exit code " + process.exitValue() + ")");
    more.initCause(failure);
    return more;
  }

  private static void closeQuietly(ServerSocket server) {
    try {
      server.close();
    } catch (IOException e) {
      // Nobody listens on it any more, which is what was wanted.
    }
  }
}
