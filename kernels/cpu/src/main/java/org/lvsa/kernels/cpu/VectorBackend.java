// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import java.util.List;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.KernelOptions;

/** The backend {@code vector}: the fast one on a CPU, and the default where there is no GPU. */
public final class VectorBackend implements AttentionBackend {
  /** For {@link java.util.ServiceLoader}. */
  public VectorBackend() {}

  @Override
  public String name() {
    return "vector";
  }

  @Override
  public int speedRank() {
    return 50;
  }

  @Override
  public Availability availability() {
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      return new Availability.Unavailable(
          "the JVM was started without --add-modules=jdk.incubator.vector");
    }
    return new Availability.Available(device());
  }

  @Override
  public AttentionKernel open(KernelOptions options) {
    options.check(name(), List.of(), List.of());
    if (availability() instanceof Availability.Unavailable(String reason)) {
      throw new IllegalStateException(reason);
    }
    return new VectorKernel();
  }

  static String device() {
    return "JVM, "
        + Runtime.getRuntime().availableProcessors()
        + " threads, "
        + Lanes.F.vectorBitSize()
        + "-bit vectors";
  }
}
