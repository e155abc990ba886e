// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

/**
 * What one execution of a kernel took.
 *
 * @param kernelMillis the attention itself
 * @param prepareMillis layout changes and narrowing before it (and after it)
 * @param transferMillis copies between memories (host and device, or into a library's own arrays)
 * @param extraBytes the most memory held at once beyond query, key, value and the output
 */
public record KernelRun(
    double kernelMillis, double prepareMillis, double transferMillis, long extraBytes) {

  /** A run that needed neither preparation nor copies. */
  public static KernelRun of(double kernelMillis, long extraBytes) {
    return new KernelRun(kernelMillis, 0, 0, extraBytes);
  }
}
