// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.AttentionShape;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.KernelRun;
import org.lvsa.kernels.Preparation;
import org.lvsa.kernels.PreparedAttention;

/** Inputs that lie on the device, in the buffers of a program that is theirs until they close. */
final class SdpaAttention implements PreparedAttention {
  private final AttentionInputs inputs;
  private final SdpaKernel kernel;
  private final Preparation preparation;
  private SdpaProgram program;
  private boolean closed;

  /** Copies the inputs to the device and changes their layout there. */
  SdpaAttention(AttentionInputs inputs, SdpaProgram program, SdpaKernel kernel) {
    this.inputs = inputs;
    this.program = program;
    this.kernel = kernel;
    preparation = load();
  }

  private Preparation load() {
    long start = System.nanoTime();
    DevicePlan.Times times = program.load(inputs);
    double all = (System.nanoTime() - start) / 1e6;
    double prepare = times.kernel() / 1e6;
    return new Preparation(prepare, Math.max(0, all - prepare));
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
    if (output.logSumExp().isPresent()) {
      throw new KernelFailedException(kernel.name() + " gives no log-sum-exp");
    }
    if (layout.isDense()) {
      DevicePlan.Times times = program.dense();
      return finish("dense", times.kernel(), times.copies(), Preparation.NONE, layout, output);
    }
    if (!layout.isFrames()) {
      throw new KernelFailedException(
          kernel.name() + " runs layouts of frames and dense ones, not layouts of token blocks");
    }
    AttentionShape shape = program.shape();
    int most = IntStream.range(0, layout.queryFrames()).map(layout::count).max().orElse(0);
    int slots = kernel.mostSlots(shape, inputs.dtype(), most);
    List<FrameBatch> batches = FrameBatch.of(shape, layout, slots);
    Preparation again = makeRoom(batches);
    long kernelTime = 0;
    long copies = 0;
    for (FrameBatch batch : batches) {
      for (FrameBatch.Round round : batch.rounds()) {
        DevicePlan.Times times = program.frames(batch.size(), round);
        kernelTime += times.kernel();
        copies += times.copies();
      }
    }
    if (shape.textTokens() > 0) {
      DevicePlan.Times times = program.text();
      kernelTime += times.kernel();
      copies += times.copies();
    }
    return finish("frames", kernelTime, copies, again, layout, output);
  }

  private KernelRun finish(
      String path,
      long kernelTime,
      long copies,
      Preparation again,
      BlockSparseLayout layout,
      AttentionOutput output) {
    DevicePlan.Times back = program.result();
    long start = System.nanoTime();
    MemorySegment out = output.out();
    MemorySegment.copy(program.out().getSegment(), 0, out, 0, out.byteSize());
    if (layout.isFrames()) {
      clearUnattended(layout, out);
    }
    long host = System.nanoTime() - start;
    return new KernelRun(
        kernel.rowName(inputs.dtype(), path),
        kernelTime / 1e6,
        again.prepareMillis(),
        (copies + back.copies() + host) / 1e6 + again.transferMillis(),
        program.bytes());
  }

  /** Frames that attend to nothing were in no call: their output is 0. */
  private void clearUnattended(BlockSparseLayout layout, MemorySegment out) {
    AttentionShape shape = program.shape();
    if (shape.textTokens() > 0) {
      return;
    }
    long frame = (long) shape.patchesPerFrame() * shape.heads() * shape.headDim() * Float.BYTES;
    for (int sequence = 0; sequence < shape.batch(); sequence++) {
      for (int i = 0; i < layout.queryFrames(); i++) {
        if (layout.count(i) == 0) {
          out.asSlice(((long) sequence * layout.queryFrames() + i) * frame, frame).fill((byte) 0);
        }
      }
    }
  }

  /** Takes a program that has calls of the sizes of a layout, and loads the inputs again. */
  private Preparation makeRoom(List<FrameBatch> batches) {
    List<FrameBatch.Size> needed = batches.stream().map(FrameBatch::size).toList();
    if (program.sizes().containsAll(needed)) {
      return Preparation.NONE;
    }
    List<FrameBatch.Size> all =
        Stream.concat(program.sizes().stream(), needed.stream()).distinct().toList();
    // The sizes of earlier layouts are kept as long as there is room for them all.
    List<FrameBatch.Size> sizes = kernel.fits(program, all) ? all : needed;
    // Until there is another program, there is none to give back.
    closed = true;
    program.close();
    program = kernel.make(program.shape(), inputs.dtype(), sizes);
    closed = false;
    return load();
  }

  /** The plan that the runs execute, for tests. */
  DevicePlan plan() {
    return program.plan();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      kernel.giveBack(program);
    }
  }
}
