// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.maker;

import org.lvsa.toolkit.attention.LineLog;
import org.lvsa.toolkit.jobs.VideoMaker.Progress;
import org.lvsa.toolkit.jobs.VideoMaker.Stage;
import org.lvsa.toolkit.pipeline.VideoRun;
import org.slf4j.event.Level;

/** Passes a run's progress on, and its lines to the log. */
final class RunProgress implements VideoRun.Listener {
  private final Progress progress;
  private final int steps;
  private final LineLog log;
  private int frames = 1;

  RunProgress(Progress progress, int steps, LineLog log) {
    this.progress = progress;
    this.steps = steps;
    this.log = log;
  }

  @Override
  public void line(String text) {
    log.line(Level.INFO, text);
  }

  @Override
  public void denoising(int done, int all) {
    progress.report(Stage.DENOISING, done, all);
  }

  @Override
  public void stepDone(int step) {
    progress.report(Stage.DENOISING, step + 1, steps);
  }

  @Override
  public void decoding(int all) {
    frames = all;
    progress.report(Stage.DECODING, 0, all);
  }

  @Override
  public void frameDone(int frame) {
    progress.report(Stage.DECODING, frame + 1, frames);
  }
}
