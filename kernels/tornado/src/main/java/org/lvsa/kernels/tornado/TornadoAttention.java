// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.Preparation;
import org.lvsa.kernels.PreparedAttention;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** Inputs that lie on the device, in the buffers of a program that is theirs until they close. */
final class TornadoAttention implements PreparedAttention {
  private final AttentionInputs inputs;
  private final DeviceProgram program;
  private final Consumer<DeviceProgram> giveBack;
  private final Preparation preparation;
  private boolean closed;

  /**
   * Copies the inputs to the device and changes their layout there.
   *
   * @param giveBack takes the program when the inputs are closed
   */
  TornadoAttention(
      AttentionInputs inputs, DeviceProgram program, Consumer<DeviceProgram> giveBack) {
    this.inputs = inputs;
    this.program = program;
    this.giveBack = giveBack;
    long start = System.nanoTime();
    program.load(inputs);
    long loaded = System.nanoTime();
    DevicePlan.Times times = program.plan().inputs();
    program.inputsReady();
    preparation = new Preparation(times.kernel() / 1e6, (times.copies() + loaded - start) / 1e6);
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
    long start = System.nanoTime();
    program.tiles().fill(problem.shape(), layout);
    long ready = System.nanoTime();
    DevicePlan.Times attention = program.plan().attention(program.attentionGraph());
    long finished = System.nanoTime();
    copy(program.out(), output.out());
    output.logSumExp().ifPresent(lse -> copy(program.logSumExp(), lse));
    long hostCopies = ready - start + System.nanoTime() - finished;
    return new KernelRun(
        program.rowName(),
        attention.kernel() / 1e6,
        0,
        (attention.copies() + hostCopies) / 1e6,
        program.bytes());
  }

  private static void copy(FloatArray from, MemorySegment to) {
    MemorySegment.copy(from.getSegment(), 0, to, 0, to.byteSize());
  }

  /** The plan that the runs execute, for tests. */
  DevicePlan plan() {
    return program.plan();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      giveBack.accept(program);
    }
  }
}
