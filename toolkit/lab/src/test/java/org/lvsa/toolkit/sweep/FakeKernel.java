// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToDoubleFunction;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.ReferenceAttention;

/** A kernel with scripted times and scripted faults; its results are the float64 reference's. */
final class FakeKernel implements AttentionKernel {
  /** Changes a result that was right, or throws. */
  @FunctionalInterface
  interface Fault {
    /** Does it. */
    void apply(AttentionProblem problem, AttentionOutput output);
  }

  final AtomicInteger runs = new AtomicInteger();
  final AtomicBoolean closed = new AtomicBoolean();

  /** What the kernel says that it left out. */
  final List<String> passedOver = new ArrayList<>();

  private final ToDoubleFunction<AttentionProblem> millis;
  private final Fault fault;
  private boolean writes = true;

  FakeKernel(ToDoubleFunction<AttentionProblem> millis, Fault fault) {
    this.millis = millis;
    this.fault = fault;
  }

  /** A kernel that is right, and whose times are the work's. */
  static FakeKernel right() {
    return new FakeKernel(FakeKernel::work, (problem, output) -> {});
  }

  /** A kernel whose results are spoilt. */
  static FakeKernel wrong(Fault fault) {
    return new FakeKernel(FakeKernel::work, fault);
  }

  /** A kernel that leaves the output as it finds it. */
  static FakeKernel silent() {
    FakeKernel kernel = right();
    kernel.writes = false;
    return kernel;
  }

  static double work(AttentionProblem problem) {
    return 100 * problem.layout().density();
  }

  @Override
  public String device() {
    return "fake device";
  }

  @Override
  public Optional<String> unsupported(AttentionShape shape, DType dtype) {
    return Optional.empty();
  }

  @Override
  public List<String> passedOver() {
    return passedOver;
  }

  @Override
  public PreparedAttention prepare(AttentionInputs inputs) {
    return PreparedAttention.direct(
        inputs,
        (problem, output) -> {
          runs.incrementAndGet();
          if (writes) {
            ReferenceAttention.run(problem, output);
          }
          fault.apply(problem, output);
          String path = problem.layout().isDense() ? "fake-dense" : "fake-sparse";
          return KernelRun.of(path, millis.applyAsDouble(problem), 0);
        });
  }

  @Override
  public void close() {
    closed.set(true);
  }
}
