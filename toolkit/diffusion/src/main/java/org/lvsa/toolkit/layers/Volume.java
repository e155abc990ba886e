// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A stretch of video or of its features in native memory: {@code [frames, height, width,
 * channels]}, float32, row-major, so that a pixel's channels lie together and frames that follow
 * one another are one piece of memory.
 *
 * @param memory exactly the elements, of an arena that every thread may use
 * @param frames number of frames
 * @param height rows of a frame
 * @param width pixels of a row
 * @param channels numbers of a pixel
 */
public record Volume(MemorySegment memory, int frames, int height, int width, int channels) {
  /** Checks that the memory holds the volume, since native code reads and writes it. */
  public Volume {
    if (frames < 0 || height < 1 || width < 1 || channels < 1) {
      throw new IllegalArgumentException(
          "no volume of " + frames + "x" + height + "x" + width + "x" + channels);
    }
    if (!memory.isNative() || memory.byteSize() != bytes(frames, height, width, channels)) {
      throw new IllegalArgumentException(
          "a volume of "
              + bytes(frames, height, width, channels)
              + " bytes does not fit native memory of "
              + memory.byteSize());
    }
  }

  /** A new volume of zeros. */
  public static Volume allocate(Arena arena, int frames, int height, int width, int channels) {
    return new Volume(
        arena.allocate(bytes(frames, height, width, channels), 64),
        frames,
        height,
        width,
        channels);
  }

  static long bytes(long frames, long height, long width, long channels) {
    return frames * height * width * channels * Float.BYTES;
  }

  /** Bytes of one frame. */
  public long frameBytes() {
    return bytes(1, height, width, channels);
  }

  /** Number of pixels of all frames. */
  public long pixels() {
    return (long) frames * height * width;
  }

  /** One row per pixel, a column per channel, without a copy. */
  public Matrix matrix() {
    return new Matrix(memory, Math.toIntExact(pixels()), channels, channels);
  }

  /** Pixels of a row that follow one another, one row of the matrix each, without a copy. */
  public Matrix pixels(int frame, int y, int x, int count) {
    long first = ((long) frame * height + y) * width + x;
    return new Matrix(
        memory.asSlice(bytes(1, 1, first, channels), bytes(1, 1, count, channels)),
        count,
        channels,
        channels);
  }

  /** Frames that follow one another, as a view. */
  public Volume frames(int first, int count) {
    return new Volume(
        memory.asSlice(first * frameBytes(), count * frameBytes()), count, height, width, channels);
  }

  /** Copies another volume's elements to this one. */
  public void copyFrom(Volume other) {
    if (other.frames != frames
        || other.height != height
        || other.width != width
        || other.channels != channels) {
      throw new IllegalArgumentException("the volumes differ in size");
    }
    memory.copyFrom(other.memory);
  }

  /** Adds another volume's elements to this one. */
  public void add(Volume other) {
    Rows.merge(matrix(), other.matrix(), (index, row, added) -> Floats.add(row, added));
  }

  /**
   * Copies from a tensor with its channels outermost.
   *
   * @param tensor {@code [channels, allFrames, allHeight, allWidth]} row-major
   * @param allFrames frames of the tensor
   * @param firstFrame first frame that is copied
   * @param allHeight rows of the tensor's frames
   * @param top first row that is copied
   * @param allWidth pixels of the tensor's rows
   * @param left first pixel of a row that is copied
   */
  public void copyFromChannelsFirst(
      float[] tensor,
      int allFrames,
      int firstFrame,
      int allHeight,
      int top,
      int allWidth,
      int left) {
    for (int c = 0; c < channels; c++) {
      for (int t = 0; t < frames; t++) {
        for (int y = 0; y < height; y++) {
          long from =
              (((long) c * allFrames + firstFrame + t) * allHeight + top + y) * allWidth + left;
          long to = ((long) t * height + y) * width * channels + c;
          for (int x = 0; x < width; x++) {
            memory.setAtIndex(
                ValueLayout.JAVA_FLOAT, to + (long) x * channels, tensor[(int) (from + x)]);
          }
        }
      }
    }
  }

  /**
   * Copies to a tensor with its channels outermost.
   *
   * @param tensor {@code [channels, allFrames, height, width]} row-major
   * @param allFrames frames of the tensor
   * @param firstFrame where this volume's frames begin there
   */
  public void copyToChannelsFirst(float[] tensor, int allFrames, int firstFrame) {
    for (int c = 0; c < channels; c++) {
      for (int t = 0; t < frames; t++) {
        int to = (c * allFrames + firstFrame + t) * height * width;
        long from = (long) t * height * width * channels + c;
        for (int p = 0; p < height * width; p++) {
          tensor[to + p] = memory.getAtIndex(ValueLayout.JAVA_FLOAT, from + (long) p * channels);
        }
      }
    }
  }
}
