// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.lvsa.kernels.KernelFailedException;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.TornadoProfilerResult;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.ProfilerMode;

/**
 * Task graphs on one device. The first graph copies query, key and value to the device and changes
 * their memory layout. Each other graph computes attention from what the first one left there, by a
 * kernel of its own, and copies only the block-sparse layout; where tokens were brought into
 * another order, graphs behind those bring the output back. Every graph is compiled when it first
 * runs.
 */
final class DevicePlan implements AutoCloseable {
  /**
   * The one thread that talks to TornadoVM. TornadoVM does not allow plans of one process to be
   * built, run and closed at the same time, and CUDA's context belongs to one thread, while callers
   * may be virtual threads. The stack is large because TornadoVM's compiler runs on this thread.
   */
  private static final ExecutorService TORNADO =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("tornadovm").daemon().stackSize(64 << 20).factory());

  /** Plans that are made and not closed; read and written by the TornadoVM thread alone. */
  private static int open;

  /**
   * For a plan with a library task: TornadoVM adds up the sizes of a limited plan's arguments, and
   * has no size for a boolean, which such a task may have.
   */
  static final long UNLIMITED = -1;

  private final TornadoExecutionPlan plan;
  private final List<ImmutableTaskGraph> graphs;
  private @Nullable TornadoProfilerResult last;
  private long compiled;
  private long uploadedBytes;
  private final BitSet counted = new BitSet();
  private long allocated;

  /**
   * @param grids the threads of each task
   * @param bytes device memory that the buffers take, or {@link #UNLIMITED}
   * @param tasks graphs as {@link GraphTasks} makes them, all for one device
   * @throws KernelFailedException if TornadoVM cannot make the plan
   */
  DevicePlan(GridScheduler grids, long bytes, TaskGraph... tasks) {
    graphs = onTornado(() -> Arrays.stream(tasks).map(TaskGraph::snapshot).toList());
    plan =
        onTornado(
            () -> {
              TornadoExecutionPlan made =
                  new TornadoExecutionPlan(graphs.toArray(ImmutableTaskGraph[]::new));
              try {
                // Not withDevice: TornadoVM finds the number of that device by its name, and takes
                // the first of several that are called the same. The graphs know their device.
                TornadoExecutionPlan configured =
                    made.withGridScheduler(grids).withProfiler(ProfilerMode.SILENT);
                if (bytes != UNLIMITED) {
                  configured = configured.withMemoryLimit(limit(bytes));
                }
                open++;
                return configured;
              } catch (RuntimeException | Error e) {
                made.close();
                throw e;
              }
            });
  }

  /**
   * A plan's memory limit in TornadoVM's words, whose MB are a million bytes: what the buffers
   * take, and some more for their headers.
   */
  static String limit(long bytes) {
    return Math.ceilDiv(bytes, 1_000_000) + 64 + "MB";
  }

  /**
   * Has the tasks of a graph recorded when it first runs, and launched as one graph of the driver's
   * from then on. What the first run had of arrays and threads is what every later one has; the
   * device's clock says nothing of single tasks. CUDA alone has this; to be called before the graph
   * runs.
   */
  void replay(int graph) {
    onTornado(() -> plan.withGraph(graph).withCUDAGraph());
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

  /** What one execution of a graph took, in nanoseconds of the device's own clock. */
  record Times(long kernel, long copies) {}

  /** Runs the first graph: brings the inputs to the device. */
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

  /** Runs the graph that brings an output back into the usual order. */
  Times restore(int graph) {
    return execute(graph);
  }

  /** The device that the last execution ran on, for tests. */
  TornadoDevice device() {
    return onTornado(() -> plan.getDevice(0));
  }

  /** Number of executions so far that compiled something. */
  long compilations() {
    return compiled;
  }

  /** Number of bytes that the last execution copied to the device. */
  long uploadedBytes() {
    return uploadedBytes;
  }

  /**
   * Bytes of device memory that TornadoVM counted for the graphs that {@link #execute} ran. Every
   * buffer is made when its graph first runs and stays until the plan is closed, so that behind the
   * first run of the last graph this is the most that the plan has at any time.
   */
  long taken() {
    return allocated;
  }

  /** Memory that a plan took, as users are told. */
  static String words(long taken) {
    return (taken >> 20) + " MiB of device memory taken";
  }

  /**
   * Runs a graph of a plan that is not attention alone, counted from 0.
   *
   * @throws KernelFailedException if TornadoVM fails
   */
  Times execute(int graph) {
    TornadoProfilerResult profile =
        onTornado(
            () ->
                plan.withGraph(graph)
                    .withProfiler(ProfilerMode.SILENT)
                    .execute()
                    .getProfilerResult());
    last = profile;
    if (!counted.get(graph)) {
      // Later runs tell the same buffers again.
      counted.set(graph);
      allocated += profile.getTotalDeviceMemoryUsage();
    }
    if (profile.getDriverInstallTime() > 0) {
      compiled++;
    }
    uploadedBytes = profile.getTotalBytesCopyIn();
    return new Times(
        profile.getDeviceKernelTime(), profile.getDeviceWriteTime() + profile.getDeviceReadTime());
  }

  /**
   * Runs graphs one behind the other without the device's clock. The host hands the tasks of a
   * graph over without waiting for one of them. TornadoVM 5.2.0 waits for the graph then; nobody
   * relies on that, since another version may not.
   *
   * @throws KernelFailedException if TornadoVM fails
   */
  void run(int... inTurn) {
    onTornado(
        () -> {
          for (int graph : inTurn) {
            plan.withGraph(graph).withoutProfiler().execute();
          }
          return null;
        });
  }

  /**
   * What TornadoVM wrote about the tasks of a graph in all its executions with the device's clock,
   * one JSON document behind the other.
   */
  String log(int graph) {
    return onTornado(
        () -> {
          // A result speaks of the graphs that are selected now, not of those that it came from.
          plan.withGraph(graph);
          return last == null ? "" : last.getProfileLog();
        });
  }

  @Override
  public void close() {
    onTornado(
        () -> {
          // freeDeviceMemory frees what is not an array: queues, libraries' handles, recorded
          // graphs. resetDevice acts on every plan of the process: the last plan calls it.
          open--;
          try {
            if (PlanMemory.free(graphs)) {
              plan.withAllGraphs();
            }
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
