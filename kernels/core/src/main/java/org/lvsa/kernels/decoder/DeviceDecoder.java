// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.decoder;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.lvsa.kernels.Progress;

/**
 * A decoder whose weights are on a device. One call at a time. Each size of latent frames needs
 * buffers and compiled code of its own; those of several sizes can be there at the same time, so
 * that tiles and those at the edges of a frame take turns.
 */
public interface DeviceDecoder extends AutoCloseable {
  /** The device, for messages. */
  String device();

  /** The kernels of matrix products, for messages. */
  String kernel();

  /**
   * Makes buffers, compiles, and uploads the weights, unless all these sizes are ready for a video
   * of that length. Otherwise they take the place of what was prepared before.
   *
   * @param sizes of latent frames, each once
   * @param latentFrames of a video
   * @param progress is told how far it is
   */
  void prepare(List<FrameSize> sizes, int latentFrames, Progress progress);

  /**
   * Decodes the next stretch of a video, as {@link DecoderShape#stretches} divides it. A video is
   * decoded to its end before another one of the same size begins.
   *
   * @param size one of those that were prepared
   * @param first whether it begins a video, before which everything is 0
   * @param latents {@code [latent frames, rows, columns, latentChannels]}, float32
   * @param frames receives {@code [frames, rows · scale, columns · scale, outChannels]}, float32
   */
  void decode(FrameSize size, boolean first, MemorySegment latents, MemorySegment frames);

  /**
   * As {@link #decode}, and asks the device for the time of each of its tasks. The host waits for
   * every task then, so that the whole takes longer.
   */
  Times measure(FrameSize size, boolean first, MemorySegment latents, MemorySegment frames);

  /**
   * What decoding spent its time on, in milliseconds. Parts are measured each for itself.
   *
   * @param wall from the call to its end
   * @param attention of the lowest level, without its matrix products
   * @param products matrix products: convolutions are such products
   * @param elementwise norms, and what brings pixels together for products and back
   * @param transfers between host and device
   * @param other the host: starting tasks, waiting for them, filling buffers
   */
  record Times(
      double wall,
      double attention,
      double products,
      double elementwise,
      double transfers,
      double other) {}

  /** Bytes of the device's memory that its backend counted for it; 0 where it is not prepared. */
  long taken();

  /** Frees the device's memory until it is needed again. */
  void release();

  /** Frees the device's memory, for good. */
  @Override
  void close();
}
