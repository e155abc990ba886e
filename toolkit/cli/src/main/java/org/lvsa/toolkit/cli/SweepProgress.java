// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.SweepListener;

/**
 * Tells the user on standard error how a sweep goes: a progress bar with the time left on a
 * terminal, a line a cell elsewhere. Work is counted in floating-point operations, since cells
 * differ by orders of magnitude.
 */
final class SweepProgress implements SweepListener, AutoCloseable {
  private final PrintWriter err;
  private final Thread farewell;
  private final boolean terminal = System.console() != null && System.console().isTerminal();
  private ProgressBar bar;
  // The progress bar asks for the time left from a thread of its own.
  private final List<Measurement> planned = new CopyOnWriteArrayList<>();
  private final Map<String, Double> millisPerGflop = new ConcurrentHashMap<>();
  private int reps;
  private double worked;
  private int cells;
  private int finished;
  private boolean estimated;

  SweepProgress(PrintWriter err, Path directory) {
    this.err = err;
    farewell =
        new Thread(
            () -> {
              if (finished < cells) {
                System.err.printf(
                    "%nInterrupted: %d of %d cells are in %s; go on with --resume.%n",
                    finished, cells, directory.resolve("results.csv"));
              }
            });
    Runtime.getRuntime().addShutdownHook(farewell);
  }

  @Override
  public void starting(
      int count, int done, long largestBytes, List<Measurement> measurements, int repetitions) {
    cells = count;
    reps = repetitions;
    planned.addAll(measurements);
    double gflop = planned.stream().mapToDouble(Measurement::gflop).sum();
    err.printf(
        Locale.ROOT,
        "%d cells to measure%s, %.0f GFLOP a pass; the largest needs %d MiB.%n",
        count,
        done > 0 ? " (" + done + " are there already)" : "",
        gflop,
        Math.ceilDiv(largestBytes, 1L << 20));
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
  public void worked(Measurement measurement) {
    planned.remove(measurement);
    worked += measurement.gflop();
    if (bar != null) {
      bar.stepTo(Math.round(worked * 10));
    }
  }

  @Override
  public void finished(ResultRow row) {
    finished++;
    if (row.sparseGflops() != null) {
      millisPerGflop.put(row.backend(), 1000 / row.sparseGflops());
    }
    if (!terminal) {
      err.printf(
          Locale.ROOT,
          "[%d/%d] %s %d frames scale %s %s: %s%n",
          finished,
          cells,
          row.model(),
          row.frames(),
          row.sparsityScale(),
          row.backend(),
          row.status().equals(ResultRow.OK)
              ? String.format(
                  Locale.ROOT, "%.1f ms, %.2fx over dense", row.sparseMs(), row.speedup())
              : row.status() + ": " + row.note());
    }
    if (!estimated && finished < cells && left() != null) {
      estimated = true;
      if (!terminal) {
        err.println("About " + seconds(left()) + " to go.");
      }
    }
    err.flush();
  }

  @Override
  public void warn(String message) {
    err.println("lvsa: warning: " + message);
    err.flush();
  }

  /**
   * From the speed so far: a measurement is a second of warm-up, or one run, and its timed runs.
   */
  private Duration left() {
    if (millisPerGflop.isEmpty()) {
      return null;
    }
    double slowest = Collections.max(millisPerGflop.values());
    double millis = 0;
    for (Measurement measurement : planned) {
      double run =
          measurement.gflop() * millisPerGflop.getOrDefault(measurement.backend(), slowest);
      millis += Math.max(1000, run) + reps * run;
    }
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
