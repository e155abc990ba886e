// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

/**
 * What one execution of a kernel took.
 *
 * @param kernel the name of the kernel that ran, with the path that it took where it has several:
 *     {@code vector-f32x8-6x2}, {@code tornado-tensorcore-bf16-registers}
 * @param kernelMillis the attention itself
 * @param prepareMillis changes of memory layout and of number format, before and after it
 * @param transferMillis copies between memories: between host and device, or into and out of a
 *     library's own arrays
 * @param extraBytes the most memory held at once beyond query, key, value and the output
 */
public record KernelRun(
    String kernel,
    double kernelMillis,
    double prepareMillis,
    double transferMillis,
    long extraBytes) {

  /** A run that needed neither preparation nor copies. */
  public static KernelRun of(String kernel, double kernelMillis, long extraBytes) {
    return new KernelRun(kernel, kernelMillis, 0, 0, extraBytes);
  }

  /** This run with the cost of its preparation added. */
  public KernelRun with(Preparation preparation) {
    return new KernelRun(
        kernel,
        kernelMillis,
        prepareMillis + preparation.prepareMillis(),
        transferMillis + preparation.transferMillis(),
        extraBytes);
  }
}
