// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.lvsa.kernels.KernelFailedException;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.TornadoProfilerResult;
import uk.ac.manchester.tornado.api.enums.ProfilerMode;

/**
 * Task graphs on one device: the first brings query, key and value there and changes their layout,
 * the others compute attention from what the first left, each in its own way. A pattern that
 * rotates runs one of those alone, which uploads the layout and nothing else. Every graph is
 * compiled when it first runs.
 */
final class DevicePlan implements AutoCloseable {
  /**
   * The one thread that talks to TornadoVM: plans of a process are not to be built, run and closed
   * at the same time, and CUDA's context belongs to the thread that ran something, while callers
   * may be virtual threads. Its stack is a compiler's.
   */
  private static final ExecutorService TORNADO =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("tornadovm").daemon().stackSize(64 << 20).factory());

  private static int open;

  private final TornadoExecutionPlan plan;
  private long compiled;
  private long uploadedBytes;

  /**
   * @param bytes device memory that the buffers take
   */
  DevicePlan(TornadoTarget device, GridScheduler grids, long bytes, TaskGraph... graphs) {
    plan =
        onTornado(
            () -> {
              ImmutableTaskGraph[] frozen =
                  Arrays.stream(graphs).map(TaskGraph::snapshot).toArray(ImmutableTaskGraph[]::new);
              TornadoExecutionPlan made = new TornadoExecutionPlan(frozen);
              try {
                TornadoExecutionPlan configured =
                    made.withDevice(device.device())
                        .withGridScheduler(grids)
                        .withProfiler(ProfilerMode.SILENT)
                        .withMemoryLimit(Math.ceilDiv(bytes, 1L << 20) + 64 + "MB");
                open++;
                return configured;
              } catch (RuntimeException | Error e) {
                made.close();
                throw e;
              }
            });
  }

  /** Plans of this process that were made and are not closed, for tests. */
  static int openPlans() {
    return onTornado(() -> open);
  }

  private static <T> T onTornado(Callable<T> work) {
    try {
      return TORNADO.submit(() -> TornadoErrors.guarded(work)).get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while TornadoVM was at work", e);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException failure -> throw failure;
        case Error failure -> throw failure;
        default -> throw new IllegalStateException("TornadoVM failed", e.getCause());
      }
    }
  }

  /**
   * A graph whose tasks are analysed for this device. Else TornadoVM analyses them for its first
   * backend, whatever device they run on in the end, and refuses what that one lacks.
   */
  static TaskGraph graph(String name, TornadoTarget device) {
    System.setProperty(name + ".device", device.id());
    return new TaskGraph(name);
  }

  /** What one execution of a graph took, nanoseconds by the device's own clock. */
  record Times(long kernel, long copies) {}

  Times inputs() {
    return execute(0);
  }

  /**
   * Runs one of the attention graphs, counted from 1.
   *
   * @throws KernelFailedException if TornadoVM fails, or if the device reports no kernel time,
   *     which means that TornadoVM ran the kernel as sequential Java
   */
  Times attention(int graph) {
    Times times = execute(graph);
    if (times.kernel <= 0) {
      throw new KernelFailedException(
          "the device reports no kernel time: TornadoVM ran the kernel as sequential Java");
    }
    return times;
  }

  /** Executions so far that compiled something. */
  long compilations() {
    return compiled;
  }

  /** Bytes that the last execution copied to the device. */
  long uploadedBytes() {
    return uploadedBytes;
  }

  private Times execute(int graph) {
    TornadoProfilerResult profile =
        onTornado(() -> plan.withGraph(graph).execute().getProfilerResult());
    if (profile.getDriverInstallTime() > 0) {
      compiled++;
    }
    uploadedBytes = profile.getTotalBytesCopyIn();
    return new Times(
        profile.getDeviceKernelTime(), profile.getDeviceWriteTime() + profile.getDeviceReadTime());
  }

  @Override
  public void close() {
    onTornado(
        () -> {
          // The first hands the buffers back to TornadoVM, the second makes TornadoVM let go of
          // them; but it resets the device under every plan of the process, so the last one does it
          // for all.
          open--;
          try {
            plan.freeDeviceMemory();
            if (open == 0) {
              plan.resetDevice();
            }
          } finally {
            plan.close();
          }
          return null;
        });
  }
}
