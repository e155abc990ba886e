// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Ranks that are processes: what they are given, and what becomes of a run that loses one. */
@Tag("distributed")
@Timeout(60)
class RankProcessesTest {
  private static final Patience PATIENCE =
      new Patience(Duration.ofSeconds(30), Duration.ofSeconds(30));

  /** A later rank, as a program. */
  static final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
      int rank = Integer.parseInt(arguments[0]);
      try (Communicator ranks =
          Loopback.join(
              rank, 2, Integer.parseInt(arguments[1]), RunSecret.of(System.getenv()), PATIENCE)) {
        ranks.work(
            others -> {
              switch (arguments[2]) {
                case "fails" -> throw new IllegalStateException("no memory left");
                case "dies" -> Runtime.getRuntime().halt(37);
                default -> others.allGather(new float[] {rank});
              }
              return null;
            });
      }
    }
  }

  private static float[][] run(String what) throws Exception {
    return RankProcesses.run(
        2,
        PATIENCE,
        (rank, port) -> TestJvm.of(Main.class, rank, port, what),
        ranks -> ranks.allGather(new float[] {ranks.rank()}));
  }

  @Test
  void aProcessJoinsWithTheSecretOfItsEnvironment() throws Exception {
    assertArrayEquals(new float[][] {{0}, {1}}, run("works"));
  }

  @Test
  void aRankThatFailsEndsTheRunWithItsReason() {
    assertEquals(
        "rank 1 failed: no memory left",
        assertThrows(RankFailure.class, () -> run("fails")).getMessage());
  }

  @Test
  void aRankThatDiesEndsTheRunWithItsExitCode() {
    assertEquals(
        "rank 1 is gone (exit code 37)",
        assertThrows(RankFailure.class, () -> run("dies")).getMessage());
  }

  @Test
  void aRankThatEndsBeforeItJoinsIsNotWaitedFor() {
    assertEquals(
        "rank 1 ended with exit code 3 before it had joined",
        assertThrows(
                RankFailure.class,
                () ->
                    RankProcesses.run(
                        2,
                        PATIENCE,
                        (rank, port) -> new ProcessBuilder("sh", "-c", "exit 3"),
                        ranks -> ranks.allGather(new float[1])))
            .getMessage());
  }

  @Test
  void noProcessIsLeftWhenRankZeroFailsAndNoneHadTheSecretAsAnArgument() {
    AtomicReference<ProcessHandle> other = new AtomicReference<>();
    assertThrows(
        UnsupportedOperationException.class,
        () ->
            RankProcesses.run(
                2,
                PATIENCE,
                (rank, port) -> TestJvm.of(Main.class, rank, port, "works"),
                ranks -> {
                  other.set(
                      ProcessHandle.current()
                          .children()
                          .filter(child -> commandLine(child).contains(Main.class.getName()))
                          .findFirst()
                          .orElseThrow());
                  assertFalse(commandLine(other.get()).matches("(?s).*[0-9a-f]{64}.*"));
                  throw new UnsupportedOperationException("rank 0 cannot");
                }));
    other.get().onExit().orTimeout(20, TimeUnit.SECONDS).join();
  }

  /** The process list's line, which other users can read. */
  private static String commandLine(ProcessHandle process) {
    try {
      return Files.readString(Path.of("/proc/" + process.pid() + "/cmdline"));
    } catch (IOException e) {
      return ""; // it has ended
    }
  }
}
