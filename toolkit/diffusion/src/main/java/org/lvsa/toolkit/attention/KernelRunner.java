// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.TokenOrders;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.blockpattern.BatchAttention;
import org.lvsa.toolkit.blockpattern.BatchLayout;
import org.lvsa.toolkit.profile.KernelEvent;

/**
 * The kernel of one generation: opened once, given float32 numbers, which it narrows to the dtype
 * that was asked for, and timed. A kernel keeps buffers between calls, so one call runs at a time.
 */
final class KernelRunner implements AutoCloseable {
  private static final long NARROWED_AT_A_TIME = 1 << 16;

  private final String backend;
  private final DType dtype;
  private final AttentionKernel kernel;
  private final Consumer<String> log;
  private int passedOver;
  private double millis;
  private String lastKernel = "none";

  /**
   * Opens the backend.
   *
   * @param name a backend's, {@code auto}, or one of the published ones: {@code sdpa} is nd4j here,
   *     {@code flashinfer} the fastest fused kernel
   * @param dtype of query, key and value as the kernel is given them
   * @param options its device, kernel and precision
   * @param log told about backends and kernels that {@code auto} passes over
   * @throws UnavailableException if the backend cannot run here
   */
  KernelRunner(String name, DType dtype, KernelOptions options, Consumer<String> log) {
    AttentionBackend chosen = backend(name, log);
    backend = chosen.name();
    this.dtype = dtype;
    this.log = log;
    kernel = Backends.open(chosen, options);
  }

  /**
   * The backend of a name.
   *
   * @param name as the constructor takes it
   * @throws UnavailableException if it cannot run here
   */
  static AttentionBackend backend(String name, Consumer<String> log) {
    return Backends.named(
        switch (name) {
          case "sdpa" -> "nd4j";
          case "flashinfer" -> "auto"; // whatever is fastest here reads the same CSR layout
          default -> name;
        },
        log);
  }

  /**
   * Runs a float32 problem to its end.
   *
   * @throws UnavailableException with the reason, if the kernel cannot run the problem here
   */
  synchronized void run(AttentionProblem problem, AttentionOutput output) {
    requireSupported(problem.shape());
    try (Arena arena = Arena.ofShared();
        KernelEvent event = KernelEvent.begin(kernel.device())) {
      AttentionInputs given = narrowed(problem.inputs(), arena);
      count(kernel.run(new AttentionProblem(given, problem.layout()), output), event);
    }
  }

  /**
   * Runs float32 inputs with layouts and orders of tokens that a pattern chose.
   *
   * @return the density of what the kernel computed
   * @throws UnavailableException with the reason, if the kernel cannot run the problem here
   */
  synchronized double run(AttentionInputs inputs, BatchLayout layout, AttentionOutput output) {
    for (TokenOrders orders : layout.orders()) {
      requireSupported(orders.shape(inputs.shape()));
    }
    try (Arena arena = Arena.ofShared();
        KernelEvent event = KernelEvent.begin(kernel.device());
        BatchAttention prepared =
            BatchAttention.prepare(kernel, narrowed(inputs, arena), layout.orders())) {
      count(prepared.run(layout, output).with(prepared.preparation()), event);
    }
    return layout.computed(kernel).density();
  }

  private void requireSupported(AttentionShape shape) {
    kernel
        .unsupported(shape, dtype)
        .ifPresent(
            reason -> {
              throw new UnavailableException(
                  "backend " + backend + " cannot run this attention here: " + reason);
            });
  }

  private void count(KernelRun run, KernelEvent event) {
    event.ran(run);
    millis += run.kernelMillis();
    lastKernel = run.kernel();
    List<String> lines = kernel.passedOver();
    lines.stream().skip(passedOver).forEach(what -> log.accept("auto passes over " + what));
    passedOver = lines.size();
  }

  private AttentionInputs narrowed(AttentionInputs inputs, Arena arena) {
    return dtype == DType.F32
        ? inputs
        : new AttentionInputs(
            inputs.shape(),
            dtype,
            narrowed(inputs.query(), arena),
            narrowed(inputs.key(), arena),
            narrowed(inputs.value(), arena));
  }

  private MemorySegment narrowed(MemorySegment floats, Arena arena) {
    long elements = floats.byteSize() / Float.BYTES;
    MemorySegment narrow = arena.allocate(elements * dtype.bytes(), 64);
    LongStream.range(0, Math.ceilDiv(elements, NARROWED_AT_A_TIME))
        .parallel()
        .forEach(
            part -> {
              long end = Math.min(elements, (part + 1) * NARROWED_AT_A_TIME);
              for (long i = part * NARROWED_AT_A_TIME; i < end; i++) {
                dtype.set(narrow, i, DType.F32.get(floats, i));
              }
            });
    return narrow;
  }

  /** Milliseconds that the kernel has taken so far; copies and preparation are not counted. */
  synchronized double millis() {
    return millis;
  }

  /** The device that the kernel runs on. */
  String device() {
    return kernel.device();
  }

  /** The kernel that ran last, as the backend names it; {@code none} before the first run. */
  synchronized String lastKernel() {
    return lastKernel;
  }

  /** Backend, dtype and device, as the summary line ends. */
  @Override
  public String toString() {
    return "backend="
        + backend
        + " dtype="
        + dtype.name().toLowerCase(Locale.ROOT)
        + " ("
        + kernel.device()
        + ")";
  }

  @Override
  public void close() {
    kernel.close();
  }
}
