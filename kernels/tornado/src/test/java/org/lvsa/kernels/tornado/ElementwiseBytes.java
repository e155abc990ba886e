// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Locale;
import java.util.Optional;
import org.lvsa.kernels.transformer.BlockShape;
import org.lvsa.kernels.transformer.TransformerShape;
import org.lvsa.kernels.transformer.TransformerVideo;

/**
 * Bytes that the element-wise tasks of a forward pass have to read and write, each array once:
 * their memory floor. Rows that all tokens share (modulations, weights of norms) are left out, as a
 * cache holds them; so are tasks of attention and matrix products.
 *
 * @param block of one block, without its weights
 * @param weights of one block's copies of weights within the device
 * @param ends of what is before and behind the blocks
 * @param blocks how many there are
 */
record ElementwiseBytes(long block, long weights, long ends, int blocks) {
  /** The stream of tokens, time steps and what is before and behind the blocks are float32. */
  private static final int FLOAT = Float.BYTES;

  /**
   * The floor of a transformer whose blocks have cross-attention; empty for other kinds of blocks,
   * which are not counted yet.
   *
   * @param elementBytes of an activation
   */
  static Optional<ElementwiseBytes> of(
      TransformerShape shape, TransformerVideo video, int elementBytes) {
    return shape.blocks() instanceof BlockShape.Cross cross
        ? Optional.of(of(shape, cross, video, elementBytes))
        : Optional.empty();
  }

  private static ElementwiseBytes of(
      TransformerShape shape, BlockShape.Cross cross, TransformerVideo video, int elementBytes) {
    long tokens = video.tokens();
    long width = shape.width();
    // Shift and scale: the stream in, activations out.
    long perToken = FLOAT + elementBytes;
    // Norm and turn of query and key, and the norm of the cross-attention's query, each in place.
    perToken += 3 * 2 * elementBytes;
    // Behind self-attention: stream and activations in and out; without a norm the stream is read
    // once more.
    perToken += 2 * (FLOAT + elementBytes) + (cross.norm() ? 0 : FLOAT);
    // In front of the feed-forward part as well, and behind it without activations out.
    perToken += 2 * (FLOAT + elementBytes);
    perToken += 2 * FLOAT + elementBytes;
    long told = video.told().textTokens();
    if (cross.pictures()) {
      told += video.told().pictureTokens();
      // The sum of the two cross-attentions.
      perToken += 3 * elementBytes;
    }
    // Norms of the keys of what is told.
    long block = width * (tokens * perToken + told * 2 * elementBytes);
    long weights = 2 * BlockTensors.of(shape).bytes(elementBytes);
    TransformerShape.Patch patch = shape.patch();
    long patches = tokens * patch.size() * (patch.inChannels() + patch.outChannels());
    // Patches in and out; shift and scale in front of the head.
    long ends = 2 * FLOAT * (patches + tokens * width);
    return new ElementwiseBytes(block, weights, ends, shape.layers());
  }

  /** Of a whole forward pass. */
  long all() {
    return blocks * (block + weights) + ends;
  }

  /**
   * How a measured time compares with the floor.
   *
   * @param millis that element-wise tasks took
   * @param bytesPerSecond of the device's memory; 0 where it is not known
   */
  String compared(double millis, double bytesPerSecond) {
    String line =
        String.format(
            Locale.ROOT,
            "element-wise: %.2f GB at least (%.2f GB a block, %.2f GB its weights), %.0f GB/s",
            all() / 1e9,
            block / 1e9,
            weights / 1e9,
            all() / 1e6 / millis);
    return bytesPerSecond == 0
        ? line
        : line
            + String.format(
                Locale.ROOT,
                ", %.2f times the floor of %.1f ms",
                millis / (all() / bytesPerSecond * 1e3),
                all() / bytesPerSecond * 1e3);
  }

  /**
   * Memory bandwidth that NVIDIA states for a card, in bytes a second; 0 for others.
   *
   * @param device as TornadoVM calls it
   */
  static double bandwidth(String device) {
    if (device.contains("H100 80GB HBM3")) {
      return 3.35e12;
    }
    return device.contains("H200") ? 4.8e12 : 0;
  }
}
