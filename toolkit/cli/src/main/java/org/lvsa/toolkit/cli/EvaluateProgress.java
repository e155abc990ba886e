// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Tells the user on standard error how judging videos goes: a bar on a terminal, a line per video
 * elsewhere.
 */
final class EvaluateProgress implements AutoCloseable {
  private final PrintWriter err;
  private final int videos;
  private final ProgressBar bar;
  private int done;

  EvaluateProgress(PrintWriter err, int videos) {
    this.err = err;
    this.videos = videos;
    boolean terminal = System.console() != null && System.console().isTerminal();
    bar =
        terminal
            ? new ProgressBarBuilder()
                .setTaskName("evaluate")
                .setInitialMax(videos)
                .setStyle(ProgressBarStyle.UNICODE_BLOCK)
                .setUpdateIntervalMillis(200)
                .build()
            : null;
  }

  /** What is being done to a video. */
  void doing(String video, String what) {
    if (bar != null) {
      bar.setExtraMessage(video + ": " + what);
    }
  }

  /** A video is done. */
  void done(String video, String result) {
    done++;
    if (bar != null) {
      bar.stepTo(done);
    } else if (videos > 1) {
      err.printf(Locale.ROOT, "[%d/%d] %s: %s%n", done, videos, video, result);
      err.flush();
    }
  }

  /** A line of its own, above the bar where there is one. */
  void line(String text) {
    err.println((bar == null ? "" : "\r\033[2K") + text);
    err.flush();
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
