// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.Optional;

/**
 * The times of a cell: medians over the rounds, in milliseconds.
 *
 * @param reps most runs of one measurement in one round; their median counts
 * @param denseMillis dense attention, the kernel alone
 * @param sparseMillis sparse attention, the kernel alone
 * @param prepareMillis changes of memory layout for the sparse attention; NaN if not known
 * @param transferMillis copies between memories for the sparse attention; NaN if not known
 * @param speedup median over the rounds of dense time over sparse time
 * @param extraMib memory beyond query, key, value and output, in MiB; NaN if not known
 * @param spread how much the rounds differ; empty in results that were measured in one go
 */
public record Timing(
    int reps,
    double denseMillis,
    double sparseMillis,
    double prepareMillis,
    double transferMillis,
    double speedup,
    double extraMib,
    Optional<Spread> spread) {

  /**
   * How much the rounds of a cell differ.
   *
   * @param rounds number of rounds
   * @param denseIqrMillis interquartile range of the dense times
   * @param sparseIqrMillis interquartile range of the sparse times
   * @param speedupLow lower end of the 95 % interval of the speed-up
   * @param speedupHigh upper end of the 95 % interval of the speed-up
   */
  public record Spread(
      int rounds,
      double denseIqrMillis,
      double sparseIqrMillis,
      double speedupLow,
      double speedupHigh) {}
}
