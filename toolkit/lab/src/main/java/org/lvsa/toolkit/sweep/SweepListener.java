// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.Map;

/** Receives the progress of a sweep. */
public interface SweepListener {
  /**
   * The sweep is about to start.
   *
   * @param cells cells to measure
   * @param done cells that an earlier run has measured
   * @param largest memory that the largest cell needs, in words
   * @param planned the work that the least number of rounds takes, in 10⁹ floating-point operations
   *     per backend
   */
  void starting(int cells, int done, String largest, Map<String, Double> planned);

  /** The sweep begins to measure something else. */
  void measuring(String what);

  /**
   * A part of the planned work is done.
   *
   * @param backend the backend that did it
   * @param gflop how much work it was
   * @param millis the time that it took; 0 if it was left out
   */
  void worked(String backend, double gflop, double millis);

  /** A cell's row is on disk. */
  void finished(ResultRow row);

  /** Reports something that the user should know and that does not end the sweep. */
  void warn(String message);

  /** A listener that ignores everything, for programs and notebooks. */
  static SweepListener silent() {
    return new SweepListener() {
      @Override
      public void starting(int cells, int done, String largest, Map<String, Double> planned) {}

      @Override
      public void measuring(String what) {}

      @Override
      public void worked(String backend, double gflop, double millis) {}

      @Override
      public void finished(ResultRow row) {}

      @Override
      public void warn(String message) {}
    };
  }
}
