// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;

/** Copies of pixels to other places, on all processors. */
public final class PixelShuffle {
  private PixelShuffle() {}

  /** Each pixel of {@code in} as a square of two by two pixels of {@code out}. */
  public static void doubled(Volume in, Volume out) {
    if (out.frames() != in.frames()
        || out.height() != 2 * in.height()
        || out.width() != 2 * in.width()
        || out.channels() != in.channels()) {
      throw new IllegalArgumentException("the result must have twice the rows and pixels");
    }
    long pixel = (long) in.channels() * Float.BYTES;
    long row = in.width() * pixel;
    IntStream.range(0, in.frames() * in.height())
        .parallel()
        .forEach(
            y -> {
              long to = 4 * y * row;
              for (int x = 0; x < in.width(); x++) {
                long from = y * row + x * pixel;
                copy(in, from, out, to + 2 * x * pixel, pixel);
                copy(in, from, out, to + (2 * x + 1) * pixel, pixel);
              }
              copy(out, to, out, to + 2 * row, 2 * row);
            });
  }

  /**
   * Each frame of {@code in} as two frames of {@code out}: first the first half of the channels,
   * then the second.
   */
  public static void halvesAsFrames(Volume in, Volume out) {
    if (out.frames() != 2 * in.frames()
        || out.height() != in.height()
        || out.width() != in.width()
        || 2 * out.channels() != in.channels()) {
      throw new IllegalArgumentException(
          "the result must have twice the frames, half the channels");
    }
    long half = (long) out.channels() * Float.BYTES;
    int pixels = in.width();
    IntStream.range(0, in.frames() * in.height())
        .parallel()
        .forEach(
            y -> {
              int frame = y / in.height();
              long row = (2L * frame * in.height() + y % in.height()) * pixels * half;
              for (int x = 0; x < pixels; x++) {
                long from = 2 * ((long) y * pixels + x) * half;
                copy(in, from, out, row + x * half, half);
                copy(in, from + half, out, row + x * half + out.frameBytes(), half);
              }
            });
  }

  private static void copy(Volume in, long from, Volume out, long to, long bytes) {
    MemorySegment.copy(in.memory(), from, out.memory(), to, bytes);
  }
}
