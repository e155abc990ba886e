// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

/**
 * What it took to make inputs ready for a kernel.
 *
 * @param prepareMillis changes of memory layout and of number format
 * @param transferMillis copies between memories, such as host to device
 */
public record Preparation(double prepareMillis, double transferMillis) {
  /** Nothing had to be done. */
  public static final Preparation NONE = new Preparation(0, 0);
}
