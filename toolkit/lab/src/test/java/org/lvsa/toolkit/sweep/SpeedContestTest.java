// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpeedContestTest {
  private static final long SECOND = 1_000_000_000L;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final Map<String, DoubleSupplier> rivals = new LinkedHashMap<>();
  private long now = 17;

  private SpeedContest contest() {
    return new SpeedContest(
        "limit", rivals, () -> now, new PrintStream(bytes, true, StandardCharsets.UTF_8));
  }

  private String said() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private void rival(String name, double gflops, double seconds) {
    rivals.put(
        name,
        () -> {
          now += (long) (seconds * SECOND);
          return gflops;
        });
  }

  @Test
  void eachFigureIsPrintedBeforeTheNextIsMeasured() {
    rival("limit", 100, 1);
    rivals.put(
        "kernel",
        () -> {
          assertTrue(said().endsWith("limit 100.0 GFLOP/s" + System.lineSeparator()), said());
          return 50;
        });
    contest().measure(1000);
    assertTrue(said().startsWith("warming up: limit 100.0"), said());
    assertTrue(said().contains("round 1: kernel 50.0 GFLOP/s"), said());
  }

  @Test
  void theTimeIsKeptAndEveryRivalIsMeasured() {
    rival("limit", 100, 2);
    rival("kernel", 50, 3);
    long start = now;
    Map<String, List<Double>> figures = contest().measure(24);
    assertTrue(now - start < 27 * SECOND, "one measurement may end after the time");
    assertEquals(4, figures.get("limit").size());
    assertEquals(List.of(50.0, 50.0, 50.0, 50.0), figures.get("kernel"));
    // Too little time for a single round.
    figures = contest().measure(0.1);
    assertEquals(List.of(100.0), figures.get("limit"));
    assertEquals(List.of(50.0), figures.get("kernel"));
  }

  @Test
  void whatPassesTheLimitIsAWarning() {
    rival("limit", 100, 1);
    rival("kernel", 100.5, 1);
    SpeedContest contest = contest();
    assertTrue(contest.report(contest.measure(9)), said());
    assertFalse(said().contains("WARNING"), said());
    rival("library", 102, 1);
    assertFalse(contest.report(contest.measure(9)));
    assertTrue(said().contains("WARNING: library reached 102.0, MORE THAN THE LIMIT of 100.0"));
  }

  /**
   * Not how fast it is: that it compiles, that its arithmetic is there, and that it says a number.
   */
  @Test
  void theLoopInCRunsWhereThereIsACompiler(@TempDir Path directory) throws IOException {
    Optional<CLoop> loop = CLoop.compile(128, directory);
    assumeTrue(loop.isPresent(), "there is no gcc here");
    double gflops = loop.get().gflops(2);
    assertTrue(gflops > 0 && gflops < 1e6, gflops + " GFLOP/s");
  }
}
