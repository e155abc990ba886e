// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.decoder;

import java.lang.foreign.MemorySegment;
import org.lvsa.kernels.Progress;

/**
 * A decoder whose weights are on a device. One call at a time. Latents of another size need buffers
 * of their own, which take the place of the earlier ones.
 */
public interface DeviceDecoder extends AutoCloseable {
  /** The device, for messages. */
  String device();

  /** The kernels of matrix products, for messages. */
  String kernel();

  /**
   * Makes buffers, compiles, and uploads the weights, unless this was done for that size before.
   *
   * @param rows of a latent frame
   * @param columns of a latent frame
   * @param progress is told how far it is
   */
  void prepare(int rows, int columns, Progress progress);

  /**
   * Decodes the next latent frame of the size that was prepared.
   *
   * @param first whether it begins a video, before which everything is 0
   * @param latents {@code [rows, columns, latentChannels]}, float32
   * @param frames receives {@code [frames, rows · scale, columns · scale, outChannels]}, float32;
   *     one frame of them where {@code first}
   */
  void decode(boolean first, MemorySegment latents, MemorySegment frames);

  /**
   * As {@link #decode}, and asks the device for the time of each of its tasks. The host waits for
   * every task then, so that the whole takes longer.
   */
  Times measure(boolean first, MemorySegment latents, MemorySegment frames);

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

  /** Frees the device's memory until it is needed again. */
  void release();

  /** Frees the device's memory, for good. */
  @Override
  void close();
}
