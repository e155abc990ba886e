// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;

/** How much memory decoding takes, before anything is allocated. */
final class HunyuanVaeMemory {
  /** Scores of attention, see {@link org.lvsa.toolkit.layers.PixelAttention}. */
  private static final long SCORES = 1 << 22;

  private HunyuanVaeMemory() {}

  /**
   * Bytes of the volumes that a {@link Run} of the decoder holds at most, rounded up.
   *
   * @param latentFrames of the video
   * @param height latent rows
   * @param width latent pixels of a row
   */
  static long decodeBytes(HunyuanVaeConfig config, int latentFrames, int height, int width) {
    long rows = height;
    long columns = width;
    long channels = config.channels().getLast();
    // Keys and values of all frames, and what one frame's attention computes.
    long floats = SCORES + rows * columns * channels * (2L * latentFrames + 4);
    floats += convolution(rows, columns, 1, config.latentChannels());
    floats += resnets(rows, columns, 1, 2, channels, channels);
    long frames = 1;
    List<HunyuanVaeConfig.Level> levels = config.up();
    for (int level = 0; level < levels.size(); level++) {
      HunyuanVaeConfig.Level shape = levels.get(level);
      floats += resnets(rows, columns, frames, config.resnets() + 1, shape.in(), shape.channels());
      if (shape.steppedTo() > 0) {
        floats += convolution(rows, columns, 1, shape.channels());
        floats += rows * columns * shape.pieces() * shape.steppedTo();
        frames *= shape.times();
        rows *= 2;
        columns *= 2;
        floats += rows * columns * frames * shape.steppedTo();
      }
      boolean lastTimed = shape.times() == 2 && levels.get(level + 1).times() == 1;
      if (lastTimed) {
        // From here on a frame at a time.
        frames = 1;
        floats += rows * columns * shape.out();
      }
    }
    floats += convolution(rows, columns, 1, levels.getLast().out());
    floats += rows * columns * (config.temporalFactor() + 1) * HunyuanVaeConfig.COLOURS;
    return floats * Float.BYTES;
  }

  /** Floats of the resnets of one resolution. */
  private static long resnets(
      long rows, long columns, long frames, int count, long in, long channels) {
    long floats = rows * columns * frames * (in + 2 * channels);
    // The inputs of convolutions, which are given back, and the frames that each keeps.
    floats += padded(rows, columns) * (2 + frames) * (in + channels);
    return floats + padded(rows, columns) * 2 * (in + (2L * count - 1) * channels);
  }

  /** Floats of a convolution's input and of the frames that it keeps. */
  private static long convolution(long rows, long columns, long frames, long channels) {
    return padded(rows, columns) * (4 + frames) * channels;
  }

  private static long padded(long rows, long columns) {
    return (rows + 2) * (columns + 2);
  }
}
