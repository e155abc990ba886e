// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelRun;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** One of the kernels with its buffers and compiled code for one shape and type. */
sealed interface DeviceProgram extends AutoCloseable permits PortableProgram, TensorCoreProgram {

  /** Copies the problem's inputs to where the device will fetch them. */
  void load(AttentionProblem problem);

  /** Called when the inputs are on the device. */
  void inputsReady();

  DevicePlan plan();

  /** Which graph of the plan the loaded inputs are for. */
  int attentionGraph();

  /** What the row is to say of the way that the loaded inputs take; empty if there is one. */
  String path();

  QueryTiles tiles();

  FloatArray out();

  FloatArray logSumExp();

  /** Bytes of all buffers together. */
  long bytes();

  /**
   * Runs the problem.
   *
   * @param sameInputs query, key and value are what the last run had
   */
  default KernelRun run(AttentionProblem problem, AttentionOutput output, boolean sameInputs) {
    AttentionShape shape = problem.shape();
    BlockSparseLayout layout = problem.layout();
    long start = System.nanoTime();
    long prepare = 0;
    long copies = 0;
    long deviceNanos = 0;
    if (!sameInputs) {
      load(problem);
      long loaded = System.nanoTime();
      DevicePlan.Times inputs = plan().inputs();
      deviceNanos = System.nanoTime() - loaded;
      inputsReady();
      prepare = inputs.kernel();
      copies = inputs.copies();
    }
    tiles().fill(shape, layout);
    long ready = System.nanoTime();
    DevicePlan.Times attention = plan().attention(attentionGraph());
    long finished = System.nanoTime();
    copy(out(), output.out());
    output.logSumExp().ifPresent(lse -> copy(logSumExp(), lse));
    copies += attention.copies() + (ready - start - deviceNanos) + System.nanoTime() - finished;
    return new KernelRun(attention.kernel() / 1e6, prepare / 1e6, copies / 1e6, bytes());
  }

  private static void copy(FloatArray from, MemorySegment to) {
    MemorySegment.copy(from.getSegment(), 0, to, 0, to.byteSize());
  }

  @Override
  default void close() {
    plan().close();
  }
}
