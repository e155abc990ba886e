// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

/** Is told what a {@link JobRunner} does, to count it. */
public interface JobListener {
  /** A denoising step is done. */
  void step(double seconds);

  /** Something was made. */
  void made(VideoMaker.Made what, double seconds);

  /** Something was not made. */
  void failed(JobError error);

  /** Counts nothing. */
  static JobListener none() {
    return new JobListener() {
      @Override
      public void step(double seconds) {}

      @Override
      public void made(VideoMaker.Made what, double seconds) {}

      @Override
      public void failed(JobError error) {}
    };
  }
}
