// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.function.ToDoubleFunction;
import org.lvsa.kernels.KernelRun;
import org.lvsa.toolkit.sweep.Statistics.Interval;

/**
 * Measures one dense and several sparse attentions in rounds. Each round measures all of them, so
 * that whatever changes with time, such as the JIT compiler, clocks or neighbours, meets all of
 * them alike; every other round goes in the opposite order, so that a steady drift cancels. The
 * speed-up is the median over the rounds of the dense time over the sparse time of the same round.
 *
 * <p>There are at least {@value #LEAST} rounds. A sparse attention whose {@linkplain
 * Statistics#medianInterval interval} is wider than ±10 % gets more rounds, as long as they have
 * taken less than the given time.
 */
final class Rounds {
  /** The fewest rounds: the fewest for which there is a 95 % interval of the median. */
  static final int LEAST = 6;

  /** The index of the dense attention. */
  static final int DENSE = 0;

  private static final int MOST = 200;
  private static final double WIDE = 0.10;

  /** Warming up takes at least so long per attention, or so many runs. */
  private static final double WARM_MILLIS = 1000;

  private static final int MOST_WARM_RUNS = 200;

  /** A measurement is not repeated within its round once it has taken this long. */
  private static final double LONG_MILLIS = 200;

  /** Runs one of the attentions once. */
  @FunctionalInterface
  interface Runner {
    /**
     * Runs it.
     *
     * @param attention {@link #DENSE}, or from 1 on for the sparse ones
     */
    KernelRun run(int attention);
  }

  /**
   * The measurements of one sparse attention, with those of the dense one in the same rounds.
   *
   * @param dense one run per round
   * @param sparse one run per round
   * @param failure what ended the rounds early
   */
  record Result(List<KernelRun> dense, List<KernelRun> sparse, Optional<Throwable> failure) {
    Interval speedup() {
      double[] ratios = new double[sparse.size()];
      Arrays.setAll(ratios, i -> dense.get(i).kernelMillis() / sparse.get(i).kernelMillis());
      return Statistics.medianInterval(ratios);
    }

    /** Whether the interval of the speed-up is wider than ±10 %. */
    boolean wide() {
      return speedup().widerThan(WIDE);
    }

    static double[] times(List<KernelRun> runs, ToDoubleFunction<KernelRun> time) {
      return runs.stream().mapToDouble(time).toArray();
    }
  }

  private final Runner runner;
  private final int reps;
  private final double maxSeconds;
  private final LongSupplier nanos;
  private final List<Sparse> all = new ArrayList<>();

  /** One sparse attention on its way. */
  private static final class Sparse {
    private final int index;
    private final List<KernelRun> dense = new ArrayList<>();
    private final List<KernelRun> sparse = new ArrayList<>();
    private double seconds;
    private Throwable failure;

    Sparse(int index) {
      this.index = index;
    }

    Result result() {
      return new Result(List.copyOf(dense), List.copyOf(sparse), Optional.ofNullable(failure));
    }
  }

  /**
   * Measurements that have yet to be made.
   *
   * @param sparse how many sparse attentions there are
   * @param reps most runs of one measurement in a round, of which the median counts
   * @param maxSeconds longest time for the rounds of one sparse attention, beyond the least number
   * @param nanos the clock that the time is taken from
   */
  Rounds(Runner runner, int sparse, int reps, double maxSeconds, LongSupplier nanos) {
    this.runner = runner;
    this.reps = reps;
    this.maxSeconds = maxSeconds;
    this.nanos = nanos;
    for (int i = 1; i <= sparse; i++) {
      all.add(new Sparse(i));
    }
  }

  /**
   * Warms up and measures. A sparse attention that fails is left out from then on; if the dense one
   * fails, all that still need it do.
   *
   * @return one result per sparse attention, in their order
   */
  List<Result> measure() {
    double warm = 0;
    for (int run = 0; run < MOST_WARM_RUNS && warm < WARM_MILLIS; run++) {
      List<Sparse> running = all.stream().filter(sparse -> sparse.failure == null).toList();
      if (running.isEmpty()) {
        break;
      }
      long start = nanos.getAsLong();
      round(running, false, runner::run);
      warm += (nanos.getAsLong() - start) / 1e6 / (running.size() + 1);
    }
    all.forEach(sparse -> sparse.seconds = 0);
    for (int round = 0; ; round++) {
      List<Sparse> active = all.stream().filter(this::wantsMore).toList();
      if (active.isEmpty()) {
        return all.stream().map(Sparse::result).toList();
      }
      KernelRun[] runs = round(active, round % 2 == 1, this::measured);
      for (Sparse sparse : active) {
        if (sparse.failure == null) {
          sparse.dense.add(runs[DENSE]);
          sparse.sparse.add(runs[sparse.index]);
        }
      }
    }
  }

  private boolean wantsMore(Sparse sparse) {
    int rounds = sparse.sparse.size();
    return sparse.failure == null
        && (rounds < LEAST
            || (rounds < MOST && sparse.seconds < maxSeconds && sparse.result().wide()));
  }

  /** Runs the dense and the given sparse attentions in turn; at their index, what they took. */
  private KernelRun[] round(List<Sparse> sparse, boolean backwards, Runner how) {
    List<Integer> order = new ArrayList<>(List.of(DENSE));
    sparse.forEach(one -> order.add(one.index));
    if (backwards) {
      Collections.reverse(order);
    }
    KernelRun[] runs = new KernelRun[all.size() + 1];
    for (int attention : order) {
      List<Sparse> concerned = attention == DENSE ? sparse : List.of(all.get(attention - 1));
      long start = nanos.getAsLong();
      try {
        runs[attention] = how.run(attention);
      } catch (RuntimeException | Error e) {
        concerned.forEach(one -> one.failure = e);
      }
      double seconds = (nanos.getAsLong() - start) / 1e9;
      concerned.forEach(one -> one.seconds += seconds / concerned.size());
    }
    return runs;
  }

  /** The medians of up to {@code reps} runs. */
  private KernelRun measured(int attention) {
    List<KernelRun> runs = new ArrayList<>();
    double millis = 0;
    while (runs.isEmpty() || (runs.size() < reps && millis < LONG_MILLIS)) {
      KernelRun run = runner.run(attention);
      runs.add(run);
      millis += run.kernelMillis() + run.prepareMillis() + run.transferMillis();
    }
    return median(runs);
  }

  /** A run with the medians of the times and the most memory. */
  static KernelRun median(List<KernelRun> runs) {
    return new KernelRun(
        runs.getLast().kernel(),
        Statistics.median(Result.times(runs, KernelRun::kernelMillis)),
        Statistics.median(Result.times(runs, KernelRun::prepareMillis)),
        Statistics.median(Result.times(runs, KernelRun::transferMillis)),
        runs.stream().mapToLong(KernelRun::extraBytes).max().orElseThrow());
  }
}
