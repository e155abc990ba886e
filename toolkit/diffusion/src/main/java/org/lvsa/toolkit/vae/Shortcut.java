// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;
import org.lvsa.toolkit.layers.Volume;

/**
 * The way around the blocks of one resolution, without weights: a block of pixels becomes the
 * channels of one pixel, whose neighbours are averaged, or channels are repeated and become a block
 * of pixels. In a block the frame is the slowest index and the column the fastest, and a channel is
 * slower than the place in the block.
 *
 * @param frames that become one, or that one becomes
 * @param side rows, and pixels of a row, likewise
 */
record Shortcut(int frames, int side) {
  /** Pixels of a block. */
  private int block() {
    return frames * side * side;
  }

  /**
   * To a lower resolution. Where the frames do not divide, frames of zeros stand in front.
   *
   * @param channels of the result; each is the mean of as many values as there are more of them
   * @return a volume of the run's workspace; {@code x} stays
   */
  Volume averaged(Run run, Volume x, int channels) {
    int group = x.channels() * block() / channels;
    Volume out =
        run.workspace.take(
            Math.ceilDiv(x.frames(), frames), x.height() / side, x.width() / side, channels);
    int zeros = out.frames() * frames - x.frames();
    IntStream.range(0, out.frames() * out.height())
        .parallel()
        .forEach(
            index -> {
              int frame = index / out.height() * frames - zeros;
              float[][] rows = rows(x, frame, index % out.height() * side);
              float[] means = new float[out.width() * channels];
              for (int pixel = 0; pixel < out.width(); pixel++) {
                for (int value = 0; value < group * channels; value++) {
                  float[] row = rows[value % block() / side];
                  int column = pixel * side + value % side;
                  means[pixel * channels + value / group] +=
                      row[column * x.channels() + value / block()] / group;
                }
              }
              write(means, out, index);
            });
    return out;
  }

  /** The rows of a block of pixels, those of frames before the first all zeros. */
  private float[][] rows(Volume x, int firstFrame, int firstRow) {
    float[][] rows = new float[frames * side][x.width() * x.channels()];
    for (int i = 0; i < rows.length; i++) {
      int frame = firstFrame + i / side;
      if (frame >= 0) {
        read(x, frame * x.height() + firstRow + i % side, rows[i]);
      }
    }
    return rows;
  }

  /**
   * Adds the way to a higher resolution.
   *
   * @param x what the blocks took
   * @param out what they gave, which is added to; of its first frames as many are left out as it
   *     has fewer than those of {@code x} become
   */
  void addRepeated(Volume x, Volume out) {
    int repeats = out.channels() * block() / x.channels();
    int skipped = x.frames() * frames - out.frames();
    IntStream.range(0, out.frames() * out.height())
        .parallel()
        .forEach(
            index -> {
              int frame = index / out.height() + skipped;
              int y = index % out.height();
              float[] from = new float[x.width() * x.channels()];
              read(x, frame / frames * x.height() + y / side, from);
              float[] to = new float[out.width() * out.channels()];
              read(out, index, to);
              for (int column = 0; column < out.width(); column++) {
                int place = (frame % frames * side + y % side) * side + column % side;
                for (int c = 0; c < out.channels(); c++) {
                  to[column * out.channels() + c] +=
                      from[column / side * x.channels() + (c * block() + place) / repeats];
                }
              }
              write(to, out, index);
            });
  }

  private static void read(Volume volume, int row, float[] to) {
    MemorySegment.copy(
        volume.memory(),
        ValueLayout.JAVA_FLOAT,
        (long) row * to.length * Float.BYTES,
        to,
        0,
        to.length);
  }

  private static void write(float[] from, Volume volume, int row) {
    MemorySegment.copy(
        from,
        0,
        volume.memory(),
        ValueLayout.JAVA_FLOAT,
        (long) row * from.length * Float.BYTES,
        from.length);
  }
}
