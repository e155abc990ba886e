// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.List;

/** Hears how a sweep goes. */
public interface SweepListener {
  /**
   * Dense or sparse attention to measure.
   *
   * @param backend the backend that runs it
   * @param gflop its work, in 10⁹ floating-point operations
   */
  record Measurement(String backend, double gflop) {}

  /**
   * The sweep is about to start.
   *
   * @param cells cells to measure
   * @param done cells that an earlier run has measured
   * @param largestBytes memory that the largest needs
   * @param planned the dense and sparse measurements to come
   * @param reps timed runs of each
   */
  void starting(int cells, int done, long largestBytes, List<Measurement> planned, int reps);

  /** A measurement starts. */
  void measuring(String what);

  /** A planned measurement is done. */
  void worked(Measurement measurement);

  /** A cell is on disk. */
  void finished(ResultRow row);

  /** Something that the user should know. */
  void warn(String message);
}
