// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;

/** A border of one pixel around each frame that repeats the frame's outermost pixels. */
public final class ReplicatePadding {
  private ReplicatePadding() {}

  /** Changes the pixels of a row on their way into the padded frame. */
  @FunctionalInterface
  public interface RowChange {
    /** Copies the pixels as they are. */
    RowChange NONE = (from, to) -> to.memory().copyFrom(from.memory());

    /**
     * Writes changed pixels.
     *
     * @param from a pixel per row
     * @param to of the same size
     */
    void write(Matrix from, Matrix to);
  }

  /**
   * Writes frames with a border.
   *
   * @param from the frames
   * @param to as many frames, two rows and two pixels of each row larger
   * @param change what happens to the pixels on the way
   */
  public static void write(Volume from, Volume to, RowChange change) {
    if (to.frames() != from.frames()
        || to.height() != from.height() + 2
        || to.width() != from.width() + 2
        || to.channels() != from.channels()) {
      throw new IllegalArgumentException("the padded frames must be two rows and pixels larger");
    }
    long pixel = (long) to.channels() * Float.BYTES;
    long row = to.width() * pixel;
    IntStream.range(0, from.frames() * from.height())
        .parallel()
        .forEach(
            index -> {
              int frame = index / from.height();
              int y = index % from.height();
              change.write(
                  from.pixels(frame, y, 0, from.width()), to.pixels(frame, y + 1, 1, from.width()));
              long first = frame * to.frameBytes() + (y + 1) * row;
              copy(to, first + pixel, first, pixel);
              copy(to, first + row - 2 * pixel, first + row - pixel, pixel);
            });
    for (int frame = 0; frame < to.frames(); frame++) {
      long first = frame * to.frameBytes();
      long last = first + (to.height() - 1) * row;
      copy(to, first + row, first, row);
      copy(to, last - row, last, row);
    }
  }

  private static void copy(Volume volume, long from, long to, long bytes) {
    MemorySegment.copy(volume.memory(), from, volume.memory(), to, bytes);
  }
}
