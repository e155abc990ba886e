// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.Optional;

/**
 * A kernel, or the software below it, failed while it prepared or ran an attention. The message is
 * the reason in one line. Other kernels, and other problems on the same kernel, may still run.
 */
public final class KernelFailedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param message the reason
   */
  public KernelFailedException(String message) {
    super(message);
  }

  /**
   * @param message the reason
   * @param cause what was thrown below
   */
  public KernelFailedException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Refuses what a kernel does not support.
   *
   * @param reason what it says to that; empty if it supports it
   * @throws KernelFailedException with the reason
   */
  public static void throwIf(Optional<String> reason) {
    reason.ifPresent(
        message -> {
          throw new KernelFailedException(message);
        });
  }
}
