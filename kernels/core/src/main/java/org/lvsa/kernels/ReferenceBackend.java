// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.List;
import java.util.Optional;

/** {@link ReferenceAttention} as a backend: float64, plain loops, always available. */
public final class ReferenceBackend implements AttentionBackend {
  /** For {@link java.util.ServiceLoader}. */
  public ReferenceBackend() {}

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public int speedRank() {
    return 0;
  }

  @Override
  public Availability availability() {
    return new Availability.Available(device());
  }

  @Override
  public AttentionKernel open(KernelOptions options) {
    options.check(name(), List.of(), List.of());
    return new Kernel();
  }

  private static String device() {
    return "JVM, " + Runtime.getRuntime().availableProcessors() + " threads, float64";
  }

  private static final class Kernel implements AttentionKernel {
    @Override
    public String device() {
      return ReferenceBackend.device();
    }

    @Override
    public Optional<String> unsupported(AttentionShape shape, DType dtype) {
      return Optional.empty();
    }

    @Override
    public boolean runsBands() {
      return true;
    }

    @Override
    public PreparedAttention prepare(AttentionInputs inputs) {
      return PreparedAttention.direct(inputs, Kernel::attend);
    }

    private static KernelRun attend(AttentionProblem problem, AttentionOutput output) {
      long start = System.nanoTime();
      long extraBytes = ReferenceAttention.run(problem, output);
      return KernelRun.of("reference-f64", (System.nanoTime() - start) / 1e6, extraBytes);
    }
  }
}
