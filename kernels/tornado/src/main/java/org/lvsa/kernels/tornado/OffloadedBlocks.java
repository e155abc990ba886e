// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.lvsa.kernels.transformer.TransformerShape;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The blocks of a transformer whose weights stay in the host's memory. The device holds those of
 * two blocks: {@code running}, which the block's kernels read, and {@code arriving}, the next
 * block's. While a block runs, threads of the host write the next one's weights into the arrays of
 * {@code arriving}. Before the next block runs, the graph {@code fetch} sends them and the graph
 * {@code take} copies them to {@code running}, within the device.
 *
 * <p>TornadoVM 5.2.0 waits for a graph before it returns, so the host's threads alone work beside a
 * block, and what they wrote is sent between two blocks. When {@code take} is done, the host's
 * arrays and the device's are free for the block after it.
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

  /** The block whose weights the host's arrays of {@link #arriving} get, or have. */
  private int filled = NONE;

  private CompletableFuture<Void> filling = CompletableFuture.completedFuture(null);

  OffloadedBlocks(TransformerShape shape, BlockWeights<A> all, Activations<A> activations) {
    this.all = all;
    this.activations = activations;
    arriving = BlockBuffers.allocate(shape, activations);
    running = BlockBuffers.allocate(shape, activations);
  }

  /** The arrays that are sent. */
  BlockBuffers<A> arriving() {
    return arriving;
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

  /** Begins to write a block's weights into the arrays that are sent, and does not wait for it. */
  void fill(int block) {
    if (filled != block) {
      filled = block;
      filling = filling.thenRunAsync(() -> all.copy(block, arriving));
    }
  }

  /** Brings the weights of the block that is to run now. */
  void bring(int block, Consumer<Stage> runs) {
    fill(block);
    filling.join();
    runs.accept(Stage.FETCH);
    runs.accept(Stage.TAKE);
  }
}
