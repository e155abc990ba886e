// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

/**
 * How many tasks one task graph holds. TornadoVM 5.2.0 notes the tasks of a graph in 8192 bytes and
 * has places for 256 of them; beyond either it fails with an exception that does not say so. A
 * library's attention adds five tasks for each call, so the room of a block's graph limits the
 * calls.
 */
final class GraphRoom {
  /** {@code TornadoTaskGraph.highLevelCode}. */
  private static final int BYTES = 8192;

  /** {@code TornadoExecutionContext.MAX_TASKS}. */
  private static final int TASKS = 256;

  /** Arguments of {@link FloatVectorMoves#gather}, and of its way back. */
  private static final int MOVE = 10;

  /** Arguments of a library's attention, see {@link CuDnnSdpa}. */
  private static final int SDPA = 11;

  /**
   * Arguments of {@link FloatTransformerKernels#copyWords}, which brings a tensor of weights. Those
   * that {@link WeightCopies} brings together take less room than one by one.
   */
  private static final int COPY = 8;

  /** Arguments of a matrix product by cuBLASLt. */
  private static final int PRODUCT = 14;

  /** Arguments of {@link FloatTransformerKernels#turnHeads}. */
  private static final int TURN = 13;

  private GraphRoom() {}

  /**
   * Bytes of a task: a mark and two numbers say which one it is, a mark and a number how many
   * arguments follow, a mark that it starts; and a mark and a number for each argument.
   */
  static int task(int arguments) {
    return 9 + 5 + 1 + 5 * arguments;
  }

  /** Bytes of a call of a library's attention: three gathers, the call, and the way back. */
  static int call() {
    return 4 * task(MOVE) + task(SDPA);
  }

  /**
   * Calls of a library's self-attention that the graph of a block with cross-attention holds beside
   * its other tasks, in fp16, whose matrix products have the most arguments.
   *
   * @param pictures whether it attends to pictures too
   * @param copies of tensors that bring the block's weights
   */
  static int calls(boolean pictures, int copies) {
    int products = pictures ? 12 : 10;
    int turns = pictures ? 5 : 4;
    int crosses = pictures ? 2 : 1;
    // The table and time added 6; what shifts, scales, gates and adds 9, 9 and 4 (or 12 together),
    // 10, 9; the sum of two cross-attentions 4; the scratch 2; the count of blocks 3.
    int others =
        task(6) + 3 * task(9) + task(4) + task(10) + task(2) + task(3) + (pictures ? task(4) : 0);
    int bytes =
        copies * task(COPY)
            + products * task(PRODUCT)
            + turns * task(TURN)
            + crosses * call()
            + others;
    int tasks = copies + products + turns + 5 * crosses + 9;
    return Math.max(0, Math.min((BYTES - bytes) / call(), (TASKS - tasks) / 5));
  }
}
