// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

/** Hears how a sweep goes. */
public interface SweepListener {
  /**
   * The sweep is about to start.
   *
   * @param cells cells to measure
   * @param done cells that an earlier run has measured
   * @param largestBytes memory that the largest needs
   * @param gflop work of all cells, in 10⁹ floating-point operations
   */
  void starting(int cells, int done, long largestBytes, double gflop);

  /** A measurement starts. */
  void measuring(String what);

  /** Work was done. */
  void worked(double gflop);

  /** A cell is on disk. */
  void finished(ResultRow row);

  /** Something that the user should know. */
  void warn(String message);
}
