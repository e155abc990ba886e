// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.KeyRanges;
import org.lvsa.kernels.Preparation;
import org.lvsa.kernels.PreparedAttention;
import org.lvsa.kernels.TokenOrders;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * Inputs that lie on the device, in the buffers of programs that are theirs until they close. A
 * layout that no program holds gets another one. The earlier ones stay where memory allows it, so
 * that layouts that take turns compile nothing anew.
 */
final class TornadoAttention implements PreparedAttention {
  private final AttentionInputs inputs;
  private final Optional<TokenOrders> orders;
  private final TornadoKernel kernel;
  private final Preparation preparation;

  /** Programs that hold the inputs; the first one ran last. */
  private final Deque<DeviceProgram> loaded = new ArrayDeque<>();

  private boolean closed;

  /**
   * Copies the inputs to the device and changes their layout there.
   *
   * @param orders the orders that tokens are to be brought into; empty if they stay
   */
  TornadoAttention(
      AttentionInputs inputs,
      Optional<TokenOrders> orders,
      DeviceProgram program,
      TornadoKernel kernel) {
    this.inputs = inputs;
    this.orders = orders;
    this.kernel = kernel;
    loaded.add(program);
    preparation = load(program);
  }

  private Preparation load(DeviceProgram program) {
    long start = System.nanoTime();
    program.passage().load(inputs, orders);
    long loaded = System.nanoTime();
    DevicePlan.Times times = program.plan().inputs();
    program.inputsReady();
    return new Preparation(times.kernel() / 1e6, (times.copies() + loaded - start) / 1e6);
  }

  @Override
  public Preparation preparation() {
    return preparation;
  }

  @Override
  public KernelRun run(BlockSparseLayout layout, AttentionOutput output) {
    if (closed) {
      throw new IllegalStateException("the prepared attention is closed");
    }
    AttentionProblem problem = new AttentionProblem(inputs, layout);
    output.check(problem.shape());
    if (orders.isPresent()) {
      TokenOrders.check(layout);
    }
    long start = System.nanoTime();
    List<List<KeyRanges>> groups = QueryTiles.groups(loaded.getFirst().shape(), layout);
    long grouped = System.nanoTime();
    Preparation again = makeRoom(groups);
    DeviceProgram program = loaded.getFirst();
    long roomy = System.nanoTime();
    program.fill(groups);
    long ready = System.nanoTime();
    int graph = program.attentionGraph();
    DevicePlan.Times attention = program.plan().attention(graph);
    Passage passage = program.passage();
    int restore = passage.restoreGraph(graph);
    DevicePlan.Times back =
        restore == 0 ? new DevicePlan.Times(0, 0) : program.plan().restore(restore);
    long finished = System.nanoTime();
    copy(passage.out(), output.out());
    output.logSumExp().ifPresent(lse -> copy(passage.logSumExp(), lse));
    long hostCopies = grouped - start + ready - roomy + System.nanoTime() - finished;
    return new KernelRun(
        program.rowName(),
        attention.kernel() / 1e6,
        again.prepareMillis() + back.kernel() / 1e6,
        (attention.copies() + back.copies() + hostCopies) / 1e6 + again.transferMillis(),
        program.bytes());
  }

  /**
   * Brings a program that holds a layout to the front. Where there is none, a new one is made and
   * the inputs are loaded into it.
   */
  private Preparation makeRoom(List<List<KeyRanges>> groups) {
    Optional<DeviceProgram> fitting = kernel.fitting(loaded, groups);
    if (fitting.isPresent()) {
      loaded.remove(fitting.get());
      loaded.addFirst(fitting.get());
      return Preparation.NONE;
    }
    kernel.check(loaded.getFirst(), groups);
    DeviceProgram made;
    try {
      made = kernel.another(loaded, groups);
    } finally {
      // Without a program there is none to give back.
      closed = loaded.isEmpty();
    }
    try {
      Preparation again = load(made);
      loaded.addFirst(made);
      closed = false;
      return again;
    } catch (RuntimeException | Error e) {
      // It does not hold the inputs, so that nothing may run on it.
      TornadoKernel.closeQuietly(made, e);
      throw e;
    }
  }

  private static void copy(FloatArray from, MemorySegment to) {
    MemorySegment.copy(from.getSegment(), 0, to, 0, to.byteSize());
  }

  /** The plan that the runs execute, for tests. */
  DevicePlan plan() {
    return loaded.getFirst().plan();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      kernel.giveBack(loaded.removeFirst());
      loaded.forEach(DeviceProgram::close);
    }
  }
}
