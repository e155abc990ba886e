// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/**
 * Changes of resolution by moving numbers between a pixel's channels and its neighbours, each with
 * a shortcut past the convolution, as in the deep compression autoencoder (Chen et al. 2024). A
 * block of {@code times · 2 · 2} pixels is one pixel with as many times the channels; in it the
 * later frame, the lower row and the right pixel come after the others, in this order of weight.
 */
public final class SpaceToDepth {
  private SpaceToDepth() {}

  /**
   * To a higher resolution: {@code out} is the pieces of a convolution's channels, plus the pieces
   * of its input's channels, each of the latter repeated as often as it takes.
   *
   * @param convolved result of the convolution; of each of its pieces the first {@code
   *     out.channels} numbers count
   * @param input the convolution's input
   * @param out with {@code times} the frames, twice the rows and pixels
   * @param times frames that a frame becomes
   */
  public static void unpack(Volume convolved, Volume input, Volume out, int times) {
    int pieces = 4 * times;
    int piece = convolved.channels() / pieces;
    int shortcut = input.channels() / pieces;
    int channels = out.channels();
    requireBlocks(convolved, out, times);
    requireBlocks(input, out, times);
    require(
        convolved.channels() % pieces == 0
            && piece >= channels
            && input.channels() % pieces == 0
            && channels % shortcut == 0);
    int repeats = channels / shortcut;
    forEachRow(
        out,
        (t, y) -> {
          float[] row = new float[out.width() * channels];
          float[] all = new float[convolved.width() * convolved.channels()];
          float[] past = new float[input.width() * input.channels()];
          read(convolved, t / times, y / 2, all);
          read(input, t / times, y / 2, past);
          int place = (t % times * 2 + y % 2) * 2;
          for (int x = 0; x < out.width(); x++) {
            int at = place + x % 2;
            int from = x / 2 * convolved.channels() + at * piece;
            int fromPast = x / 2 * input.channels() + at * shortcut;
            for (int c = 0; c < channels; c++) {
              row[x * channels + c] = all[from + c] + past[fromPast + c / repeats];
            }
          }
          write(row, out, t, y);
        });
  }

  /**
   * To a lower resolution: {@code out} is a convolution's blocks of pixels as channels, plus the
   * means of consecutive numbers of its input's blocks. Where the blocks hold fewer numbers than
   * {@code out} has channels, they are repeated.
   *
   * @param convolved result of the convolution
   * @param input the convolution's input
   * @param out with {@code 1 / times} of the frames, half the rows and pixels
   * @param times frames that become one
   */
  public static void pack(Volume convolved, Volume input, Volume out, int times) {
    int pieces = 4 * times;
    int block = pieces * convolved.channels();
    int past = pieces * input.channels();
    int channels = out.channels();
    requireBlocks(out, convolved, times);
    requireBlocks(out, input, times);
    require(channels % block == 0 && past % channels == 0);
    int group = past / channels;
    forEachRow(
        out,
        (t, y) -> {
          float[] row = new float[out.width() * channels];
          float[] of = new float[block];
          float[] ofPast = new float[past];
          for (int x = 0; x < out.width(); x++) {
            gather(convolved, t * times, 2 * y, 2 * x, times, of);
            gather(input, t * times, 2 * y, 2 * x, times, ofPast);
            for (int c = 0; c < channels; c++) {
              row[x * channels + c] = of[c % block] + mean(ofPast, c * group, group);
            }
          }
          write(row, out, t, y);
        });
  }

  /** {@code out = out + in}, each channel of {@code in} repeated as often as it takes. */
  public static void addRepeated(Volume in, Volume out) {
    require(out.channels() % in.channels() == 0);
    int repeats = out.channels() / in.channels();
    add(in, out, (from, i) -> from[i / repeats]);
  }

  /** {@code out = out + in}, the mean of consecutive channels of {@code in} for each. */
  public static void addMeans(Volume in, Volume out) {
    require(in.channels() % out.channels() == 0);
    int group = in.channels() / out.channels();
    add(in, out, (from, i) -> mean(from, i * group, group));
  }

  /** What is added to number {@code i} of a row of pixels, from the other's row. */
  private interface Term {
    float of(float[] row, int i);
  }

  private static void add(Volume in, Volume out, Term term) {
    require(
        in.frames() == out.frames() && in.height() == out.height() && in.width() == out.width());
    forEachRow(
        out,
        (t, y) -> {
          float[] row = new float[out.width() * out.channels()];
          float[] from = new float[in.width() * in.channels()];
          read(out, t, y, row);
          read(in, t, y, from);
          for (int i = 0; i < row.length; i++) {
            row[i] += term.of(from, i);
          }
          write(row, out, t, y);
        });
  }

  private static float mean(float[] values, int first, int count) {
    float sum = 0;
    for (int i = first; i < first + count; i++) {
      sum += values[i];
    }
    return sum / count;
  }

  private interface RowWork {
    void row(int frame, int y);
  }

  private static void forEachRow(Volume volume, RowWork work) {
    IntStream.range(0, volume.frames() * volume.height())
        .parallel()
        .forEach(row -> work.row(row / volume.height(), row % volume.height()));
  }

  /** The pixels of a block, one after the other. */
  private static void gather(Volume in, int frame, int y, int x, int times, float[] to) {
    int at = 0;
    for (int t = frame; t < frame + times; t++) {
      for (int row = y; row < y + 2; row++) {
        long pixel = ((long) t * in.height() + row) * in.width() + x;
        int pair = 2 * in.channels();
        MemorySegment.copy(
            in.memory(), ValueLayout.JAVA_FLOAT, pixel * in.channels() * Float.BYTES, to, at, pair);
        at += pair;
      }
    }
  }

  private static void read(Volume in, int frame, int y, float[] row) {
    MemorySegment.copy(in.memory(), ValueLayout.JAVA_FLOAT, at(in, frame, y), row, 0, row.length);
  }

  private static void write(float[] row, Volume out, int frame, int y) {
    MemorySegment.copy(row, 0, out.memory(), ValueLayout.JAVA_FLOAT, at(out, frame, y), row.length);
  }

  private static long at(Volume volume, int frame, int y) {
    return ((long) frame * volume.height() + y) * volume.width() * volume.channels() * Float.BYTES;
  }

  private static void requireBlocks(Volume low, Volume high, int times) {
    require(
        high.frames() == times * low.frames()
            && high.height() == 2 * low.height()
            && high.width() == 2 * low.width());
  }

  private static void require(boolean fits) {
    if (!fits) {
      throw new IllegalArgumentException("the volumes' sizes do not fit each other");
    }
  }
}
