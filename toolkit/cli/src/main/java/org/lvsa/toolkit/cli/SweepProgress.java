// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.SweepListener;
import org.lvsa.toolkit.sweep.Timing;

/**
 * Tells the user on standard error how a sweep goes: a progress bar with the time left on a
 * terminal, one line per cell elsewhere. Work is counted in floating-point operations, since cells
 * differ by orders of magnitude.
 */
final class SweepProgress implements SweepListener, AutoCloseable {
  private final PrintWriter err;
  private final Thread farewell;
  private final boolean terminal = System.console() != null && System.console().isTerminal();
  private ProgressBar bar;
  // The progress bar asks for the time left from a thread of its own.
  private final Map<String, Work> work = new ConcurrentHashMap<>();
  private int cells;
  private int finished;
  private boolean estimated;

  /** Work of one backend, in 10⁹ operations. */
  private record Work(double planned, double done, double millis) {
    Work with(double gflop, double time) {
      return new Work(planned, done + gflop, millis + time);
    }

    double left() {
      return Math.max(planned - done, 0);
    }

    double millisPerGflop() {
      return millis / done;
    }
  }

  SweepProgress(PrintWriter err, Path directory) {
    this.err = err;
    farewell =
        new Thread(
            () -> {
              if (finished < cells) {
                System.err.printf(
                    Locale.ROOT,
                    "%nInterrupted: %d of %d cells are in %s; go on with --resume.%n",
                    finished,
                    cells,
                    directory.resolve("results.csv"));
              }
            });
    Runtime.getRuntime().addShutdownHook(farewell);
  }

  @Override
  public void starting(int count, int done, String largest, Map<String, Double> planned) {
    cells = count;
    planned.forEach((backend, gflop) -> work.put(backend, new Work(gflop, 0, 0)));
    double gflop = planned.values().stream().mapToDouble(Double::doubleValue).sum();
    err.printf(
        Locale.ROOT,
        "%d cells to measure%s, %.0f GFLOP; the largest needs %s.%n",
        count,
        done > 0 ? " (" + done + " are there already)" : "",
        gflop,
        largest);
    err.flush();
    if (terminal) {
      bar =
          new ProgressBarBuilder()
              .setTaskName("sweep")
              .setInitialMax(Math.max(1, Math.round(gflop * 10)))
              .setStyle(ProgressBarStyle.UNICODE_BLOCK)
              .setUpdateIntervalMillis(500)
              .setEtaFunction(state -> Optional.ofNullable(left()))
              .build();
    }
  }

  @Override
  public void measuring(String what) {
    if (bar != null) {
      bar.setExtraMessage(what);
    }
  }

  @Override
  public void worked(String backend, double gflop, double millis) {
    work.computeIfPresent(backend, (name, before) -> before.with(gflop, millis));
    if (bar != null) {
      double done =
          work.values().stream().mapToDouble(one -> Math.min(one.done(), one.planned())).sum();
      bar.stepTo(Math.round(done * 10));
    }
  }

  @Override
  public void finished(ResultRow row) {
    finished++;
    if (!terminal) {
      err.printf(
          Locale.ROOT,
          "[%d/%d] %s: %s%n",
          finished,
          cells,
          row.cell().title(),
          row.timing()
              .filter(times -> row.ok())
              .map(SweepProgress::result)
              .orElse(row.status() + ": " + row.note()));
    }
    if (!estimated && finished < cells && left() != null) {
      estimated = true;
      if (!terminal) {
        err.println("About " + seconds(left()) + " to go.");
      }
    }
    err.flush();
  }

  private static String result(Timing times) {
    return String.format(
        Locale.ROOT,
        "%.4g ms, %.2f times as fast as dense%s",
        times.sparseMillis(),
        times.speedup(),
        times
            .spread()
            .map(
                spread ->
                    String.format(
                        Locale.ROOT,
                        " [%.2f, %.2f], %d rounds",
                        spread.speedupLow(),
                        spread.speedupHigh(),
                        spread.rounds()))
            .orElse(""));
  }

  @Override
  public void warn(String message) {
    err.println("lvsa: warning: " + message);
    err.flush();
  }

  /** From the speed so far; a backend that has not run yet counts as the slowest that has. */
  private Duration left() {
    Map<String, Double> speeds = new ConcurrentHashMap<>();
    work.forEach(
        (backend, one) -> {
          if (one.millis() > 0 && one.done() > 0) {
            speeds.put(backend, one.millisPerGflop());
          }
        });
    if (speeds.isEmpty()) {
      return null;
    }
    double slowest = Collections.max(speeds.values());
    double millis =
        work.entrySet().stream()
            .mapToDouble(one -> one.getValue().left() * speeds.getOrDefault(one.getKey(), slowest))
            .sum();
    return Duration.ofMillis((long) millis);
  }

  private static String seconds(Duration duration) {
    long seconds = duration.toSeconds();
    return seconds < 90 ? seconds + " s" : Math.round(seconds / 60.0) + " min";
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
    try {
      Runtime.getRuntime().removeShutdownHook(farewell);
    } catch (IllegalStateException e) {
      // The JVM is going down already, and the farewell is being said.
    }
  }
}
