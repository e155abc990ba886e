// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;
import org.lvsa.toolkit.layers.PixelAttention;

/** How much memory decoding takes, before anything is allocated. */
final class HunyuanVaeMemory {
  private HunyuanVaeMemory() {}

  /**
   * Bytes of the volumes that a {@link Run} of the decoder holds at most, rounded up: what is kept
   * from frame to frame, of all resolutions, and what the largest one works with.
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
    long kept = PixelAttention.SCORES + rows * columns * channels * 2 * latentFrames;
    kept += padded(rows, columns) * 2 * (config.latentChannels() + 4 * channels);
    long largest =
        rows * columns * (4 * channels + config.latentChannels())
            + working(rows, columns, 1, channels, channels);
    long frames = 1;
    // The frames that wait while each of them passes the last levels.
    long waiting = 0;
    List<HunyuanVaeConfig.Level> levels = config.up();
    for (int level = 0; level < levels.size(); level++) {
      HunyuanVaeConfig.Level shape = levels.get(level);
      long resnets = 2L * (config.resnets() + 1);
      kept += padded(rows, columns) * 2 * (shape.in() + (resnets - 1) * shape.channels());
      long working = working(rows, columns, frames, shape.in(), shape.channels());
      if (shape.steppedTo() > 0) {
        kept += padded(rows, columns) * 2 * shape.channels();
        long step =
            rows * columns * (frames * shape.channels() + (long) shape.pieces() * shape.steppedTo())
                + padded(rows, columns) * 3 * shape.channels();
        frames *= shape.times();
        rows *= 2;
        columns *= 2;
        working += step + rows * columns * frames * shape.steppedTo();
      }
      largest = Math.max(largest, waiting + working);
      if (shape.times() == 2 && levels.get(level + 1).times() == 1) {
        waiting = rows * columns * frames * shape.out();
        frames = 1;
      }
    }
    long last = levels.getLast().out();
    kept += padded(rows, columns) * 2 * last;
    long end = padded(rows, columns) * 3 * last + rows * columns * last;
    long out = rows * columns * (config.temporalFactor() + 1) * HunyuanVaeConfig.COLOURS;
    return (kept + Math.max(largest, waiting + end) + out) * Float.BYTES;
  }

  /** Floats of the resnets of one resolution while they run. */
  private static long working(long rows, long columns, long frames, long in, long channels) {
    return rows * columns * frames * (in + 2 * channels)
        + padded(rows, columns) * (2 + frames) * (in == channels ? channels : in + channels);
  }

  private static long padded(long rows, long columns) {
    return (rows + 2) * (columns + 2);
  }
}
