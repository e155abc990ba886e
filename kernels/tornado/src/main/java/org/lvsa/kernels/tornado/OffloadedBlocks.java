// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.function.Consumer;
import org.lvsa.kernels.transformer.TransformerShape;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The blocks of a transformer whose weights stay in the host's memory. The device holds those of
 * two blocks: {@code running}, which the block's kernels read, and {@code arriving}, the next
 * block's. While a block runs, the host writes the next one's weights into the arrays of {@code
 * arriving}, and the graph {@code fetch} sends them. The graph {@code take} copies them to {@code
 * running}, within the device, before the next block runs.
 *
 * <p>The host waits for {@code take} alone. When that is done, what was sent has arrived and was
 * copied, so that the host's arrays and the device's are free for the block after it.
 */
final class OffloadedBlocks<A extends TornadoNativeArray> {
  private static final int NONE = -1;

  private final BlockWeights<A> all;
  private final BlockBuffers<A> arriving;
  private final BlockBuffers<A> running;
  private final Activations<A> activations;

  /** Zero always: the arrays of {@link #arriving} hold one block's weights. */
  private final IntArray only = new IntArray(1);

  private final IntArray taken = new IntArray(1);
  private int there = NONE;

  OffloadedBlocks(TransformerShape shape, BlockWeights<A> all, Activations<A> activations) {
    this.all = all;
    this.activations = activations;
    arriving = BlockBuffers.allocate(shape, activations);
    running = BlockBuffers.allocate(shape, activations);
  }

  /** The weights that a block's kernels read. */
  BlockBuffers<A> running() {
    return running;
  }

  /** Adds the tasks of {@link Stage#FETCH}. */
  void fetch(GraphTasks tasks) {
    tasks.graph().transferToDevice(DataTransferMode.EVERY_EXECUTION, arriving.arrays());
    for (int i = 0; i < arriving.linearArrays().size(); i++) {
      activations.touch(tasks, "weight" + i, arriving.linearArrays().get(i));
    }
    FloatActivations floats = new FloatActivations();
    for (int i = 0; i < arriving.norms().size(); i++) {
      floats.touch(tasks, "norm" + i, arriving.norms().get(i));
    }
    tasks.graph().persistOnDevice(arriving.arrays());
  }

  /** Adds the tasks of {@link Stage#TAKE}. */
  void take(GraphTasks tasks) {
    passOn(tasks);
    tasks.graph().transferToDevice(DataTransferMode.FIRST_EXECUTION, only, taken);
    running.copy(arriving.asWeights(), only, activations, tasks);
    tasks.perThread("taken", 1);
    tasks
        .graph()
        .task("taken", FloatTransformerKernels::count, new KernelContext(), taken, 0)
        // What comes back makes the host wait.
        .transferToHost(DataTransferMode.EVERY_EXECUTION, taken)
        .persistOnDevice(running.arrays());
  }

  /** A graph that may run between {@code fetch} and {@code take} leaves what arrived in place. */
  void passOn(GraphTasks tasks) {
    for (Stage before : List.of(Stage.FETCH, Stage.STREAMS)) {
      tasks.consume(before.graph(), arriving.arrays());
    }
  }

  /** A block's kernels find the weights where {@code take} left them. */
  void consume(GraphTasks tasks) {
    tasks.consume(Stage.TAKE.graph(), running.arrays());
  }

  /** A forward pass begins: nothing of an earlier one is on the device. */
  void begin() {
    there = NONE;
  }

  /** Brings the weights of the block that is to run now. */
  void bring(int block, Consumer<Stage> runs) {
    prefetch(block, runs);
    runs.accept(Stage.TAKE);
    there = NONE;
  }

  /** Sends the weights of a block, unless they were sent. */
  void prefetch(int block, Consumer<Stage> runs) {
    if (there != block) {
      all.copy(block, arriving);
      runs.accept(Stage.FETCH);
      there = block;
    }
  }
}
