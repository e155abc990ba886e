// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.LongConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.lvsa.kernels.Progress;
import org.lvsa.toolkit.pipeline.VideoRun;

/**
 * Tells the user on standard error how a video comes along: progress bars with the time left on a
 * terminal, lines elsewhere. Keeps the times of the parts for the summary.
 */
final class GenerateProgress implements VideoRun.Listener, AutoCloseable {
  private final PrintWriter err;
  private final String prefix;
  private final boolean terminal;
  private ProgressBar bar;
  private long begun = System.nanoTime();
  private int firstStep;
  private int steps;
  private int frames;

  /**
   * @param prefix what lines begin with, such as the attention that runs
   */
  GenerateProgress(PrintWriter err, String prefix) {
    this(err, prefix, System.console() != null && System.console().isTerminal());
  }

  /**
   * @param terminal whether bars can be drawn
   */
  GenerateProgress(PrintWriter err, String prefix, boolean terminal) {
    this.err = err;
    this.prefix = prefix;
    this.terminal = terminal;
  }

  /** Weights are read, by several threads. */
  LongConsumer reading(long bytes) {
    if (!terminal) {
      line("reading " + (bytes >> 20) + " MiB of weights");
      return read -> {};
    }
    open("reading weights, MiB", 0, (int) (bytes >> 20));
    ProgressBar reading = bar;
    return read -> reading.stepTo(read >> 20);
  }

  /**
   * A transformer is brought to a device. A bar of its own shows it, except where steps have begun:
   * a later video may have another size, and a layout may need other calls of a library. Their bar
   * stays then, and lines tell the rest.
   */
  Progress preparing() {
    Preparation preparation = new Preparation();
    return preparation::at;
  }

  private final class Preparation {
    private String last = "";
    private ProgressBar own;

    void at(int done, int all, String what) {
      boolean ready = done == all;
      if (!ready && !last.equals(what)) {
        last = what;
        if (terminal && (bar == null || bar == own)) {
          open(what, 0, all);
          own = bar;
        } else {
          line("to the device: " + what);
        }
      }
      if (own != null && bar == own) {
        own.stepTo(done);
        if (ready) {
          GenerateProgress.this.close();
        }
      }
      if (ready) {
        last = "";
        own = null;
      }
    }
  }

  /** A part of the work begins. */
  void phase(String what) {
    close();
    line(what);
  }

  @Override
  public void denoising(int done, int all) {
    firstStep = done;
    steps = all;
    begun = System.nanoTime();
    if (done > 0) {
      line("going on after step " + done + " of " + all);
    }
    open("denoising", done, all);
  }

  @Override
  public void stepDone(int step) {
    if (bar != null) {
      bar.stepTo(step + 1);
      return;
    }
    double seconds = (System.nanoTime() - begun) / 1e9;
    double left = seconds / (step + 1 - firstStep) * (steps - step - 1);
    line(
        String.format(
            Locale.ROOT,
            "step %d/%d, %s so far, about %s to go",
            step + 1,
            steps,
            duration(seconds),
            duration(left)));
  }

  @Override
  public void decoding(int all) {
    frames = all;
    begun = System.nanoTime();
    if (!terminal) {
      line("decoding " + all + " frames");
    }
    open("decoding", 0, all);
  }

  @Override
  public void frameDone(int frame) {
    if (bar != null) {
      bar.stepTo(frame + 1);
      if (frame + 1 == frames) {
        close();
      }
    }
  }

  private void open(String task, int done, int all) {
    close();
    if (terminal) {
      bar =
          new ProgressBarBuilder()
              .setTaskName(prefix.isEmpty() ? task : prefix + " " + task)
              .setInitialMax(all)
              .setStyle(ProgressBarStyle.UNICODE_BLOCK)
              .setUpdateIntervalMillis(200)
              .startsFrom(done, java.time.Duration.ZERO)
              .build();
    }
  }

  /** A line of its own, above the bar where there is one. */
  @Override
  public void line(String text) {
    err.println((bar == null ? "" : "\r\033[2K") + (prefix.isEmpty() ? "" : prefix + ": ") + text);
    err.flush();
  }

  /** Seconds in words, such as {@code 3.2 s} or {@code 4 min 10 s}. */
  static String duration(double seconds) {
    if (seconds < 100) {
      return String.format(Locale.ROOT, "%.1f s", seconds);
    }
    long whole = Math.round(seconds);
    return whole < 3600
        ? String.format(Locale.ROOT, "%d min %02d s", whole / 60, whole % 60)
        : String.format(Locale.ROOT, "%d h %02d min", whole / 3600, whole / 60 % 60);
  }

  @Override
  public void partEnded() {
    close();
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
