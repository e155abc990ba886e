// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;
import org.lvsa.toolkit.layers.Volume;

/** Decoded frames as bytes of red, green and blue. */
public enum Rgb {
  /** To the nearest level, halves to the even one, as pictures of the published pipeline are. */
  ROUNDED,
  /** To the level below, as the published pipeline writes video files. */
  TRUNCATED;

  /**
   * Converts one frame.
   *
   * @param frames {@code [frames, height, width, 3]}, from −1 to 1; what is beyond is cut off
   * @param index which of the frames
   * @return {@code [height, width, 3]}, levels from 0 to 255 as unsigned bytes
   */
  public byte[] bytes(Volume frames, int index) {
    Volume frame = frames.frames(index, 1);
    int row = frame.width() * frame.channels();
    byte[] bytes = new byte[frame.height() * row];
    IntStream.range(0, frame.height())
        .parallel()
        .forEach(
            y -> {
              for (int e = y * row; e < (y + 1) * row; e++) {
                bytes[e] = level(frame.memory().getAtIndex(ValueLayout.JAVA_FLOAT, e));
              }
            });
    return bytes;
  }

  private byte level(float value) {
    float share = Math.clamp(value / 2 + 0.5f, 0f, 1f);
    float level = share * 255;
    return (byte) (this == ROUNDED ? (int) Math.rint(level) : (int) level);
  }
}
