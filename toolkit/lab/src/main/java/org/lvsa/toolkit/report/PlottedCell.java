// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import org.lvsa.toolkit.sweep.Cell;
import org.lvsa.toolkit.sweep.Quality;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.Timing;

/**
 * The part of a measured row that plots show.
 *
 * @param place model, size, and what else all rows of a set of plots share
 * @param implementation what ran: the backend, or a peer's kernel
 * @param frames video frames
 * @param scale sparsity scale
 * @param density attended pairs over all pairs
 * @param denseMs kernel time of the dense run in milliseconds
 * @param sparseMs kernel time of the sparse run in milliseconds
 * @param speedup dense time over sparse time
 * @param speedupLow lower end of the speed-up's interval; NaN if not known
 * @param speedupHigh upper end of the speed-up's interval; NaN if not known
 * @param error relative L2 error; NaN if not known, as for peers
 * @param recall share of the dense softmax probability on attended keys; NaN if not known
 */
record PlottedCell(
    String place,
    String implementation,
    int frames,
    double scale,
    double density,
    double denseMs,
    double sparseMs,
    double speedup,
    double speedupLow,
    double speedupHigh,
    double error,
    double recall) {

  /**
   * The part of a row that plots show.
   *
   * @param row a measured row
   */
  static PlottedCell of(ResultRow row) {
    Cell cell = row.cell();
    Timing times = row.timing().orElseThrow();
    String size =
        cell.resolution().equals("-") ? cell.patchesPerFrame() + " patches" : cell.resolution();
    return new PlottedCell(
        cell.model() + ", " + size,
        implementation(cell.backend(), row.provenance().kernel()),
        cell.frames(),
        cell.sparsityScale(),
        row.density(),
        times.denseMillis(),
        times.sparseMillis(),
        times.speedup(),
        times.spread().map(Timing.Spread::speedupLow).orElse(Double.NaN),
        times.spread().map(Timing.Spread::speedupHigh).orElse(Double.NaN),
        row.quality().map(Quality::relL2Error).orElse(Double.NaN),
        row.quality().map(Quality::massRecall).orElse(Double.NaN));
  }

  /** A peer's rows differ in kernel, ours in backend. */
  static String implementation(String backend, String kernel) {
    return backend.equals("torch") ? kernel.replaceFirst("torch-[^-]*-", "torch ") : backend;
  }

  boolean hasError() {
    return Double.isFinite(error);
  }
}
