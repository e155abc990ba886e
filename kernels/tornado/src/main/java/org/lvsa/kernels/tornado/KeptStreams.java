// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The stream of tokens and the copies of it that a step cache keeps on the device, with the tasks
 * that copy and compare them. The tasks of {@link StreamKernels} run together; a command that is
 * sent with them says which one does something.
 */
final class KeptStreams {
  private final FloatArray stream;
  private final FloatArray kept;
  private final IntArray command = new IntArray(4);
  private final FloatArray factors = new FloatArray(2);
  private final FloatArray sums;
  private final int tokens;
  private final int width;

  /**
   * Room for copies.
   *
   * @param stream {@code [tokens, width]}
   */
  KeptStreams(FloatArray stream, TransformerVideo video, int width) {
    this.stream = stream;
    this.width = width;
    tokens = video.tokens();
    kept = new FloatArray(Math.multiplyExact(video.kept(), stream.getSize()));
    sums = new FloatArray(2 * tokens);
  }

  /**
   * Refuses more copies than an array of TornadoVM can hold.
   *
   * @throws KernelFailedException saying so
   */
  static void check(TransformerVideo video, int width) {
    long elements = (long) video.kept() * video.tokens() * width;
    if (elements > BlockWeights.MOST) {
      throw new KernelFailedException(
          "a step cache keeps up to "
              + video.kept()
              + " copies of the stream of tokens, "
              + elements
              + " numbers for this video, and TornadoVM's arrays hold at most "
              + BlockWeights.MOST
              + ": give fewer --frames or a lower taylorseer_order");
    }
  }

  /**
   * Adds the tasks.
   *
   * @param block one number: which block comes next
   */
  void add(GraphTasks tasks, IntArray block) {
    int elements = stream.getSize();
    tasks
        .graph()
        .transferToDevice(DataTransferMode.FIRST_EXECUTION, kept)
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, command, factors);
    tasks.perThread("skip", 1);
    tasks.perThread("combine", elements);
    tasks.perThread("changes", tokens);
    tasks
        .graph()
        .task("skip", StreamKernels::skip, new KernelContext(), block, command)
        .task(
            "combine",
            StreamKernels::combine,
            new KernelContext(),
            stream,
            kept,
            command,
            factors,
            elements)
        .task(
            "changes",
            StreamKernels::changes,
            new KernelContext(),
            stream,
            kept,
            command,
            sums,
            tokens,
            width)
        // What comes back makes the host wait, so that it may write the next command.
        .transferToHost(DataTransferMode.EVERY_EXECUTION, sums);
  }

  /** The next run tells the device that this block comes next. */
  void skipTo(int block) {
    write(StreamKernels.SKIP, block, 0, 1);
  }

  /** The next run computes {@code buffer = own · buffer + factor · other}. */
  void combine(int buffer, float own, int other, float factor) {
    factors.set(0, own);
    factors.set(1, factor);
    write(StreamKernels.COMBINE, buffer, other, 1);
  }

  /** The next run compares two buffers, see {@link #sums}. */
  void compare(int earlier, int now, int every) {
    write(StreamKernels.CHANGES, earlier, now, every);
  }

  /** What the last comparison gave, see {@link org.lvsa.kernels.transformer.BlockLoop.Pass}. */
  float[] sums() {
    return sums.toHeapArray();
  }

  private void write(int... words) {
    for (int i = 0; i < words.length; i++) {
      command.set(i, words[i]);
    }
  }
}
