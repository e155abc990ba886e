// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.DType;
import org.lvsa.kernels.KernelRun;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.TornadoProfilerResult;
import uk.ac.manchester.tornado.api.WorkerGrid2D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.enums.ProfilerMode;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * Runs {@link PortableKernel} on a device. Buffers and the compiled plan live as long as the shape
 * stays the same: another pattern of that shape uploads its tiles and nothing is compiled again.
 *
 * <p>Times are the device's own, from TornadoVM's profiler; copies between the caller's memory, the
 * host buffers and the device are transfer time, widening of F16 and BF16 is preparation.
 */
final class TornadoKernel implements AttentionKernel {
  private final Device device;
  private Plan plan;

  TornadoKernel(Device device) {
    this.device = device;
  }

  @Override
  public String name() {
    return "tornado-portable-f32";
  }

  @Override
  public String device() {
    return device.description();
  }

  @Override
  public Optional<String> unsupported(AttentionShape shape, DType dtype) {
    if (shape.headDim() > PortableKernel.MAX_HEAD_DIM) {
      return Optional.of(
          "headDim must be at most " + PortableKernel.MAX_HEAD_DIM + ", got " + shape.headDim());
    }
    long largest = Math.max(shape.queryElements(), shape.keyElements());
    if (largest > Integer.MAX_VALUE - 64) {
      return Optional.of(largest + " elements are more than a TornadoVM array holds (2^31)");
    }
    long needed = bytes(shape);
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
    AttentionShape shape = problem.shape();
    output.check(shape);
    if (plan == null || !plan.shape.equals(shape)) {
      close();
      plan = new Plan(shape, device);
    }
    return plan.run(problem, output);
  }

  @Override
  public void close() {
    if (plan != null) {
      plan.close();
      plan = null;
    }
  }

  private static long bytes(AttentionShape shape) {
    long elements = 2 * shape.queryElements() + 2 * shape.keyElements() + shape.logSumExpElements();
    return elements * Float.BYTES + (1 << 20);
  }

  /** Buffers and compiled code for one shape. */
  private static final class Plan {
    final AttentionShape shape;
    final FloatArray query;
    final FloatArray key;
    final FloatArray value;
    final FloatArray out;
    final FloatArray logSumExp;
    final QueryTiles tiles;
    final TornadoExecutionPlan execution;

    Plan(AttentionShape shape, Device device) {
      this.shape = shape;
      query = new FloatArray((int) shape.queryElements());
      key = new FloatArray((int) shape.keyElements());
      value = new FloatArray((int) shape.keyElements());
      out = new FloatArray((int) shape.queryElements());
      logSumExp = new FloatArray((int) shape.logSumExpElements());
      tiles = QueryTiles.allocate(shape);
      KernelContext context = new KernelContext();
      WorkerGrid2D grid =
          new WorkerGrid2D(
              QueryTiles.count(shape) * PortableKernel.THREADS, shape.heads() * shape.batch());
      grid.setLocalWork(PortableKernel.THREADS, 1, 1);
      TaskGraph graph =
          new TaskGraph("attention")
              .transferToDevice(
                  DataTransferMode.EVERY_EXECUTION, query, key, value, tiles.tiles(), tiles.runs())
              .task(
                  "portable",
                  PortableKernel::attend,
                  context,
                  query,
                  key,
                  value,
                  out,
                  logSumExp,
                  tiles.tiles(),
                  tiles.runs(),
                  shape.tokens(),
                  shape.heads(),
                  shape.kvHeads(),
                  shape.headDim(),
                  (float) shape.scale())
              .transferToHost(DataTransferMode.EVERY_EXECUTION, out, logSumExp);
      execution =
          new TornadoExecutionPlan(graph.snapshot())
              .withDevice(device.device())
              .withGridScheduler(new GridScheduler("attention.portable", grid))
              .withProfiler(ProfilerMode.SILENT)
              .withMemoryLimit(Math.ceilDiv(bytes(shape), 1L << 20) + 64 + "MB");
    }

    KernelRun run(AttentionProblem problem, AttentionOutput output) {
      long start = System.nanoTime();
      load(problem.dtype(), problem.query(), query);
      load(problem.dtype(), problem.key(), key);
      load(problem.dtype(), problem.value(), value);
      tiles.fill(shape, problem.layout());
      long loaded = System.nanoTime();
      TornadoProfilerResult profile = execution.execute().getProfilerResult();
      long kernelNanos = profile.getDeviceKernelTime();
      if (kernelNanos <= 0) {
        throw new IllegalStateException(
            "the device reports no kernel time: TornadoVM ran the kernel as sequential Java");
      }
      long finished = System.nanoTime();
      MemorySegment.copy(out.getSegment(), 0, output.out(), 0, output.out().byteSize());
      output
          .logSumExp()
          .ifPresent(lse -> MemorySegment.copy(logSumExp.getSegment(), 0, lse, 0, lse.byteSize()));
      boolean widened = problem.dtype() != DType.F32;
      double hostMillis = (loaded - start) / 1e6;
      double copies =
          (System.nanoTime()
                  - finished
                  + profile.getDeviceWriteTime()
                  + profile.getDeviceReadTime())
              / 1e6;
      return new KernelRun(
          kernelNanos / 1e6,
          widened ? hostMillis : 0,
          widened ? copies : copies + hostMillis,
          bytes(shape));
    }

    private static void load(DType dtype, MemorySegment from, FloatArray to) {
      if (dtype == DType.F32) {
        MemorySegment.copy(from, 0, to.getSegment(), 0, from.byteSize());
      } else {
        for (int i = 0; i < to.getSize(); i++) {
          to.set(i, dtype.get(from, i));
        }
      }
    }

    void close() {
      try {
        execution.freeDeviceMemory();
        execution.close();
      } catch (TornadoExecutionPlanException e) {
        throw new IllegalStateException("TornadoVM could not release its plan", e);
      }
    }
  }
}
