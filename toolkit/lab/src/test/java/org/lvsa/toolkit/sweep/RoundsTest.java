// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.KernelRun;
import org.lvsa.toolkit.sweep.Statistics.Interval;

class RoundsTest {
  private final AtomicLong nanos = new AtomicLong();
  private final List<Integer> order = new ArrayList<>();

  /** Rounds over attentions whose time depends on their index and on the clock. */
  private Rounds rounds(int sparse, double maxSeconds, IntToDoubleFunction millis) {
    return new Rounds(
        attention -> {
          order.add(attention);
          double took = millis.applyAsDouble(attention);
          nanos.addAndGet((long) (took * 1e6));
          return KernelRun.of("kernel", took, attention);
        },
        sparse,
        1,
        maxSeconds,
        nanos::get);
  }

  @Test
  void everyRoundMeasuresAllAndEveryOtherOneBackwards() {
    List<Rounds.Result> results = rounds(2, 20, attention -> 1000).measure();
    // One pass to warm up, then six rounds.
    assertEquals(List.of(0, 1, 2, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0), order);
    for (Rounds.Result result : results) {
      assertEquals(6, result.sparse().size());
      assertEquals(new Interval(1, 1, 1), result.speedup());
    }
  }

  @Test
  void aMachineThatBecomesFasterAsItGoesGivesNoSpeedUp() {
    // Times fall by a factor of five over the rounds: measured once and first, dense would look
    // three times slower than what comes after it.
    List<Rounds.Result> results =
        rounds(3, 20, attention -> 200 + 1000 * Math.exp(-nanos.get() / 8e9)).measure();
    for (Rounds.Result result : results) {
      Interval speedup = result.speedup();
      assertEquals(1, speedup.median(), 0.05, speedup.toString());
      assertTrue(speedup.low() <= 1 && 1 <= speedup.high(), speedup.toString());
    }
  }

  @Test
  void noiseIsAnsweredWithMoreRoundsUntilTheIntervalIsNarrow() {
    SplittableRandom random = new SplittableRandom(11);
    List<Rounds.Result> results =
        rounds(
                2,
                1e9,
                attention -> attention == 1 ? 500 : 1000 * Math.exp(0.4 * random.nextGaussian()))
            .measure();
    for (Rounds.Result result : results) {
      assertTrue(result.sparse().size() > 6, result.sparse().size() + " rounds");
      assertTrue(!result.wide(), result.speedup().toString());
    }
    assertEquals(2, results.getFirst().speedup().median(), 0.2);
  }

  @Test
  void theTimeOfACellIsLimited() {
    SplittableRandom random = new SplittableRandom(12);
    Rounds.Result result =
        rounds(1, 30, attention -> 1000 * Math.exp(random.nextGaussian())).measure().getFirst();
    assertTrue(result.wide(), "the noise is too large for so little time");
    double seconds =
        result.dense().stream().mapToDouble(KernelRun::kernelMillis).sum() / 1e3
            + result.sparse().stream().mapToDouble(KernelRun::kernelMillis).sum() / 1e3;
    assertTrue(seconds >= 30 && seconds < 60, seconds + " s");
    order.clear();
    Rounds.Result least =
        rounds(1, 0, attention -> 1000 * Math.exp(random.nextGaussian())).measure().getFirst();
    assertEquals(6, least.sparse().size(), "at least six rounds, whatever the time");
  }

  @Test
  void whatFailsIsLeftOutAndTheOthersGoOn() {
    List<Rounds.Result> results =
        rounds(
                2,
                20,
                attention -> {
                  if (attention == 1) {
                    throw new LinkageError("no such kernel");
                  }
                  return 1000;
                })
            .measure();
    assertEquals("no such kernel", results.get(0).failure().orElseThrow().getMessage());
    assertTrue(results.get(1).failure().isEmpty());
    assertEquals(6, results.get(1).sparse().size());
  }

  @Test
  void withoutDenseThereIsNothingToCompareWith() {
    List<Rounds.Result> results =
        rounds(
                2,
                20,
                attention -> {
                  if (attention == 0) {
                    throw new OutOfMemoryError("device");
                  }
                  return 1000;
                })
            .measure();
    assertTrue(results.stream().allMatch(result -> result.failure().isPresent()));
  }

  @Test
  void shortRunsAreRepeatedWithinARound() {
    int[] runs = new int[2];
    Rounds.Result result =
        new Rounds(
                attention -> {
                  runs[attention]++;
                  nanos.addAndGet(10_000_000);
                  return KernelRun.of("kernel", 10 + runs[attention] % 5, 0);
                },
                1,
                5,
                20,
                nanos::get)
            .measure()
            .getFirst();
    assertEquals(6, result.dense().size());
    result.dense().forEach(run -> assertEquals(12, run.kernelMillis(), "median of 10 … 14"));
    assertEquals(100 + 6 * 5, runs[0], "a second of warming up, and five runs in each round");
  }
}
