// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Arrays;
import java.util.List;
import org.lvsa.kernels.KernelFailedException;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The streams of tokens that blocks change, and the copies of them that a step cache keeps on the
 * device, with the tasks that copy and compare them. A copy is one of all streams: that of the
 * video, which comes first and alone is compared, and that of a text. The tasks of {@link
 * StreamKernels} run together; a command that is sent with them says which one does something.
 */
final class KeptStreams {
  private final List<FloatArray> streams;
  private final List<FloatArray> kept;
  private final IntArray command = new IntArray(4);
  private final FloatArray factors = new FloatArray(2);
  private final FloatArray sums;
  private final int tokens;
  private final int width;

  /**
   * Room for copies.
   *
   * @param streams {@code [tokens, width]} each, the video's first
   */
  KeptStreams(List<FloatArray> streams, TransformerVideo video, int width) {
    this.streams = streams;
    this.width = width;
    tokens = video.tokens();
    kept =
        streams.stream()
            .map(stream -> new FloatArray(Math.multiplyExact(video.kept(), stream.getSize())))
            .toList();
    sums = new FloatArray(2 * tokens);
  }

  /**
   * Refuses more copies than an array of TornadoVM can hold.
   *
   * @throws KernelFailedException saying so
   */
  static void check(TransformerVideo video, TransformerShape shape) {
    long tokens = Math.max(video.streamTokens(shape), video.jointTokens(shape));
    long elements = video.kept() * tokens * shape.width();
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
    tasks
        .graph()
        .transferToDevice(DataTransferMode.FIRST_EXECUTION, kept.toArray())
        .transferToDevice(DataTransferMode.EVERY_EXECUTION, command, factors);
    tasks.perThread("skip", 1);
    tasks.graph().task("skip", StreamKernels::skip, new KernelContext(), block, command);
    for (int i = 0; i < streams.size(); i++) {
      int elements = streams.get(i).getSize();
      tasks.perThread("combine" + i, elements);
      tasks
          .graph()
          .task(
              "combine" + i,
              StreamKernels::combine,
              new KernelContext(),
              streams.get(i),
              kept.get(i),
              command,
              factors,
              elements);
    }
    tasks.perThread("changes", tokens);
    tasks.perThread("squares", tokens);
    tasks
        .graph()
        .task(
            "changes",
            StreamKernels::changes,
            new KernelContext(),
            streams.getFirst(),
            kept.getFirst(),
            command,
            sums,
            tokens,
            width,
            streams.getFirst().getSize())
        .task(
            "squares",
            StreamKernels::squares,
            new KernelContext(),
            streams.getFirst(),
            kept.getFirst(),
            command,
            sums,
            tokens,
            width,
            streams.getFirst().getSize())
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

  /** The next run sums the squares of a buffer's tokens, see {@link #squares}. */
  void square(int buffer) {
    write(StreamKernels.SQUARES, buffer, 0, 1);
  }

  /** What the last run summed, a number for each token. */
  float[] squares() {
    return Arrays.copyOf(sums(), tokens);
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
