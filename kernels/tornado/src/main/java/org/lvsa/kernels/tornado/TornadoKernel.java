// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelRun;

/**
 * Attention on a device of TornadoVM: the tensor-core kernel where device, type and headDim allow
 * it, else the portable one, unless {@code -Dlvsa.kernel=portable|tensorcore} names one. Buffers
 * and compiled code live as long as shape and type stay the same: another pattern of that shape
 * uploads its tiles and nothing is compiled again.
 *
 * <p>Times are the device's own, from TornadoVM's profiler; copies between the caller's memory, the
 * host buffers and the device are transfer time, layout changes on the device are preparation.
 */
final class TornadoKernel implements AttentionKernel {
  private static final String PORTABLE = "portable";
  private static final String TENSOR_CORE = "tensorcore";

  private final TornadoTarget device;
  private final Optional<String> forced;
  private AttentionShape shape;
  private DType dtype;
  private DeviceProgram program;

  /**
   * @throws IllegalStateException if {@code lvsa.kernel} names no kernel
   */
  TornadoKernel(TornadoTarget device) {
    this.device = device;
    forced = Optional.ofNullable(System.getProperty("lvsa.kernel")).filter(k -> !k.equals("auto"));
    forced.ifPresent(
        kernel -> {
          if (!kernel.equals(PORTABLE) && !kernel.equals(TENSOR_CORE)) {
            throw new IllegalStateException(
                "no kernel " + kernel + ", there are " + PORTABLE + " and " + TENSOR_CORE);
          }
        });
  }

  @Override
  public String name() {
    return "tornado-" + forced.orElse("auto");
  }

  @Override
  public String name(AttentionShape shape, DType dtype) {
    String type = dtype.name().toLowerCase(Locale.ROOT);
    String path = loaded(shape, dtype) ? program.path() : "";
    return "tornado-" + kernel(shape, dtype) + "-" + type + (path.isEmpty() ? "" : "-" + path);
  }

  @Override
  public String device() {
    return device.description();
  }

  /** Kernels that this device can run. */
  static List<String> kernels(TornadoTarget device) {
    return device.tensorCores() ? List.of(PORTABLE, TENSOR_CORE) : List.of(PORTABLE);
  }

  private String kernel(AttentionShape shape, DType dtype) {
    return forced.orElseGet(
        () ->
            TensorCoreProgram.unsupported(shape, dtype, device).isEmpty() ? TENSOR_CORE : PORTABLE);
  }

  @Override
  public Optional<String> unsupported(AttentionShape shape, DType dtype) {
    boolean tensorCore = kernel(shape, dtype).equals(TENSOR_CORE);
    if (tensorCore) {
      Optional<String> reason = TensorCoreProgram.unsupported(shape, dtype, device);
      if (reason.isPresent()) {
        return reason.map(why -> TENSOR_CORE + " kernel: " + why);
      }
    } else if (shape.headDim() > PortableKernel.MAX_HEAD_DIM) {
      return Optional.of(
          "headDim must be at most " + PortableKernel.MAX_HEAD_DIM + ", got " + shape.headDim());
    }
    // Padding of frames, and room to read beyond the last token.
    long largest = Math.max(shape.queryElements(), shape.keyElements());
    long room = (8L * (shape.latentFrames() + 1) + 64) * shape.kvHeads() * shape.headDim();
    if (largest + room * shape.batch() > Integer.MAX_VALUE) {
      return Optional.of(largest + " elements are more than a TornadoVM array holds (2^31)");
    }
    long needed = tensorCore ? TensorCoreProgram.bytes(shape) : PortableProgram.bytes(shape, dtype);
    if (needed > device.memory()) {
      return Optional.of(
          "needs "
              + (needed >> 20)
              + " MiB of device memory, "
              + device.description()
              + " has "
              + (device.memory() >> 20));
    }
    return Optional.empty();
  }

  @Override
  public KernelRun run(AttentionProblem problem, AttentionOutput output) {
    return run(problem, output, false);
  }

  @Override
  public KernelRun runStep(AttentionProblem problem, AttentionOutput output) {
    boolean loaded = program != null && problem.shape().equals(shape) && problem.dtype() == dtype;
    return run(problem, output, loaded);
  }

  private KernelRun run(AttentionProblem problem, AttentionOutput output, boolean sameInputs) {
    output.check(problem.shape());
    if (!loaded(problem.shape(), problem.dtype())) {
      close();
      shape = problem.shape();
      dtype = problem.dtype();
      program =
          kernel(shape, dtype).equals(TENSOR_CORE)
              ? new TensorCoreProgram(shape, dtype, device)
              : new PortableProgram(shape, dtype, device);
    }
    return program.run(problem, output, sameInputs);
  }

  private boolean loaded(AttentionShape wantedShape, DType wantedType) {
    return program != null && wantedShape.equals(shape) && wantedType == dtype;
  }

  /** The plan of the last run, for tests. */
  DevicePlan plan() {
    return program.plan();
  }

  @Override
  public void close() {
    if (program != null) {
      program.close();
      program = null;
    }
  }
}
