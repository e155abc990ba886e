// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.Precision;

/**
 * The self-check of the tensor-core kernels: each is tried on small problems when the process first
 * wants it, once per type, headDim, kind of layout and precision.
 */
final class TensorCoreCheck {
  /** The devices of this process, by their id. */
  private static final Map<String, TensorCoreCheck> CHECKS = new ConcurrentHashMap<>();

  private final Function<Case, Optional<String>> run;
  private final Map<Case, Optional<String>> done = new ConcurrentHashMap<>();

  /** What is checked together, since one kernel computes it. */
  record Case(DType dtype, int headDim, SelfCheck.Kind kind, Precision precision) {
    Optional<String> failure(AttentionKernel kernel) {
      return precision == Precision.INT8
          ? SelfCheck.failureOfInt8(kernel, dtype, headDim)
          : SelfCheck.failure(kernel, dtype, headDim, kind);
    }
  }

  /** A check that takes as long as {@code run} does, the first time. */
  TensorCoreCheck(Function<Case, Optional<String>> run) {
    this.run = run;
  }

  /** The check of a device's kernels. */
  static TensorCoreCheck of(TornadoTarget device) {
    return CHECKS.computeIfAbsent(
        device.id(),
        id ->
            new TensorCoreCheck(
                what -> {
                  try (AttentionKernel kernel = TornadoKernel.unchecked(device, what.precision())) {
                    return what.failure(kernel);
                  }
                }));
  }

  /** What is wrong with the kernel for such problems; empty if nothing is. */
  Optional<String> failure(Case what) {
    return done.computeIfAbsent(what, run);
  }
}
