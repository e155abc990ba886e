// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

class ChildProcessTest {
  private static final Duration LONG = Duration.ofSeconds(20);

  @Test
  void outputErrorsAndExitCodeAreKept() throws IOException {
    ChildProcess.Result result =
        ChildProcess.run(LONG, "sh", "-c", "echo out; echo err >&2; exit 3");
    assertEquals(new ChildProcess.Result(false, 3, "out\n", "err\n"), result);
    assertFalse(result.succeeded());
    assertTrue(ChildProcess.run(LONG, "true").succeeded());
  }

  @Test
  void moreOutputThanAPipeHoldsDoesNotBlock() throws IOException {
    ChildProcess.Result result =
        ChildProcess.run(
            LONG, "sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2");
    assertEquals(300_000, result.output().length());
    assertEquals(300_000, result.errors().length());
  }

  /**
   * Runs a command that takes far too long, and gives it more time again as long as it has not come
   * to what it does first: on a machine full of other work even a shell starts slowly.
   */
  private static ChildProcess.Result until(Predicate<ChildProcess.Result> begun, String command) {
    return assertTimeoutPreemptively(
        Duration.ofMinutes(2),
        () -> {
          Duration time = Duration.ofMillis(300);
          while (true) {
            ChildProcess.Result result = ChildProcess.run(time, "sh", "-c", command);
            if (begun.test(result)) {
              return result;
            }
            time = time.multipliedBy(4);
          }
        });
  }

  @Test
  void aCommandThatHangsIsEnded() {
    ChildProcess.Result result = until(its -> !its.output().isEmpty(), "echo early; sleep 300");
    assertTrue(result.timedOut());
    assertEquals("early\n", result.output());
  }

  @Test
  void aGrandchildThatKeepsTheOutputOpenDoesNotBlock() {
    ChildProcess.Result result =
        until(its -> !its.output().isEmpty() && !its.timedOut(), "sleep 300 & echo done");
    assertEquals("done\n", result.output());
    assertEquals(0, result.exitCode());
  }

  @Test
  void aCommandThatIsNotThereIsNamed() {
    IOException failed =
        assertThrows(IOException.class, () -> ChildProcess.run(LONG, "no-such-command-here"));
    assertTrue(
        failed.getMessage().startsWith("cannot start no-such-command-here: "), failed.getMessage());
  }
}
