// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import org.lvsa.toolkit.sweep.ResultRow;

/**
 * What plots read of a measured row.
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

  static PlottedCell of(ResultRow row) {
    String size =
        row.resolution().equals("-") ? row.patchesPerFrame() + " patches" : row.resolution();
    return new PlottedCell(
        row.model() + ", " + size,
        implementation(row.backend(), row.kernel()),
        row.frames(),
        row.sparsityScale(),
        row.density(),
        row.denseMs(),
        row.sparseMs(),
        row.speedup(),
        Double.NaN,
        Double.NaN,
        known(row.relL2Error()),
        known(row.massRecall()));
  }

  private static double known(Double number) {
    return number == null ? Double.NaN : number;
  }

  /** A peer's rows differ in kernel, ours in backend. */
  static String implementation(String backend, String kernel) {
    return backend.equals("torch") ? kernel.replaceFirst("torch-[^-]*-", "torch ") : backend;
  }

  boolean hasError() {
    return Double.isFinite(error);
  }
}
