// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.concurrent.Callable;
import org.lvsa.kernels.KernelFailedException;

/**
 * The border to TornadoVM: what it throws becomes a {@link KernelFailedException}. TornadoVM
 * reports many failures as an {@link Error} (its internal error class is one), which a caller that
 * measures many problems must be able to survive. Errors of the JVM itself, such as {@link
 * OutOfMemoryError}, pass as they are.
 */
final class TornadoErrors {
  private TornadoErrors() {}

  /**
   * Runs something that calls TornadoVM.
   *
   * @throws KernelFailedException if TornadoVM fails, with its reason
   */
  static <T> T guarded(Callable<T> work) {
    try {
      return work.call();
    } catch (VirtualMachineError | KernelFailedException e) {
      throw e;
    } catch (Exception | Error e) {
      throw new KernelFailedException(reason(e), e);
    }
  }

  /** One line: what failed, and the innermost cause if it says something else. */
  static String reason(Throwable thrown) {
    Throwable root = thrown;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    String reason = "TornadoVM failed: " + line(thrown);
    return root == thrown || reason.contains(line(root))
        ? reason
        : reason + " (caused by " + line(root) + ")";
  }

  private static String line(Throwable thrown) {
    String message = thrown.getMessage();
    return thrown.getClass().getSimpleName()
        + (message == null || message.isBlank()
            ? ""
            : ": " + message.strip().replaceAll("\\s*\\R\\s*", "; "));
  }
}
