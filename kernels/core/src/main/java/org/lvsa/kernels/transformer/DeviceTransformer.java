// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.transformer;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import org.lvsa.kernels.BlockSparseLayout;
import org.lvsa.kernels.Progress;

/**
 * A transformer whose weights are on a device. One call at a time. A video of another size needs
 * buffers of its own, which take the place of the earlier ones; another layout of the attention
 * needs nothing.
 */
public interface DeviceTransformer extends AutoCloseable {
  /**
   * One forward pass for one video, without the batch.
   *
   * @param video sizes
   * @param latents {@code [inChannels, frames, rows, columns]}, float32
   * @param text what the text embedding gave: {@code [textTokens, width]}, float32; where its
   *     tokens attend together with the video's there may be fewer, and only those attend
   * @param pictures what the embedding of pictures gave: {@code [pictureTokens, width]}, float32
   * @param time what the time steps gave to the blocks, {@link BlockShape#timeSize} elements each
   * @param headTime shift and scale of the output head: {@code [timesteps, 2, width]}
   * @param turns of the rotary embedding
   * @param layout which frames attend to which
   */
  record Forward(
      TransformerVideo video,
      MemorySegment latents,
      MemorySegment text,
      MemorySegment pictures,
      float[] time,
      float[] headTime,
      Turns turns,
      BlockSparseLayout layout) {}

  /**
   * Cosine and sine of each pair of a head's elements along each axis of the video. The pairs of
   * the frame come first in a head, then those of the row, then those of the column.
   *
   * <p>Where positions are added to the video's tokens instead ({@link BlockShape.Shared}), the
   * features that each place along an axis gives to a token: {@code [frames, width / 4]}, {@code
   * [rows, 3 · width / 8]} and {@code [columns, 3 · width / 8]}. Those of the frame come first in a
   * token, then those of the column, then those of the row.
   *
   * @param frames {@code [frames, pairs, 2]}
   * @param rows {@code [rows, pairs, 2]}
   * @param columns {@code [columns, pairs, 2]}
   */
  record Turns(float[] frames, float[] rows, float[] columns) {}

  /** The device, for result rows and messages. */
  String device();

  /** The kernels of matrix products and of attention, for result rows. */
  Kernels kernels();

  /**
   * Which kernels ran.
   *
   * @param products of the linear layers
   * @param attention of self-attention and cross-attention
   */
  record Kernels(String products, String attention) {}

  /**
   * Makes buffers for a video, compiles, and uploads the weights, unless this was done for a video
   * of the same size before.
   *
   * @param progress is told how far it is
   */
  void prepare(TransformerVideo video, Progress progress);

  /**
   * Predicts. Prepares first, where {@link #prepare} was not called.
   *
   * @param out receives {@code [outChannels, frames, rows, columns]}, float32
   * @return milliseconds from the call to its end
   */
  default double predict(Forward forward, MemorySegment out) {
    return predict(forward, BlockLoop.ALL, out);
  }

  /**
   * As {@link #predict(Forward, MemorySegment)}, with another loop over the blocks.
   *
   * @param loop is called once, by the thread that calls this
   */
  double predict(Forward forward, BlockLoop loop, MemorySegment out);

  /** As {@link #measure(Forward, BlockLoop, MemorySegment)}, with all blocks in turn. */
  default ForwardTimes measure(Forward forward, MemorySegment out) {
    return measure(forward, BlockLoop.ALL, out);
  }

  /**
   * As {@link #predict}, and asks the device for the time of each of its tasks. The host waits for
   * every task then, so that the whole takes longer.
   */
  ForwardTimes measure(Forward forward, BlockLoop loop, MemorySegment out);

  /**
   * What a forward pass spent its time on, in milliseconds.
   *
   * @param wall from the call to its end
   * @param parts by kind; each is measured for itself, so that together they miss the wall time by
   *     what lies between the measurements
   */
  record ForwardTimes(double wall, Map<Work, Double> parts) {
    /** All parts together. */
    public double sum() {
      return parts.values().stream().mapToDouble(Double::doubleValue).sum();
    }
  }

  /** A kind of work. */
  enum Work {
    /**
     * Self-attention and cross-attention, with changes of memory layout that are for them alone.
     */
    ATTENTION("attention"),
    /** Matrix products: the linear layers. */
    PRODUCTS("GEMM"),
    /** Norms, modulations, gates, rotary embeddings, copies of weights within the device. */
    ELEMENTWISE("element-wise"),
    /** Copies between host and device. */
    TRANSFERS("transfers"),
    /** The host: starting tasks, waiting for them, filling buffers, reading the device's clock. */
    OTHER("other");

    private final String label;

    Work(String label) {
      this.label = label;
    }

    /** In words, for tables. */
    public String label() {
      return label;
    }
  }

  /** Bytes of the device's memory that its backend counted for it; 0 where it is not prepared. */
  long taken();

  /**
   * Frees the device's memory. The weights stay in the host's, so that {@link #prepare} brings it
   * back.
   */
  void release();

  /** Frees the device's memory, for good. */
  @Override
  void close();
}
