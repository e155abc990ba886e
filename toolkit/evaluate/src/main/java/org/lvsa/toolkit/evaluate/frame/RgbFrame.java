// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.frame;

import org.lvsa.toolkit.model.Resolution;

/**
 * A frame of a video.
 *
 * @param size in pixels
 * @param rgb {@code [height, width, 3]}, red, green and blue as unsigned bytes; not copied, and not
 *     to be changed
 */
public record RgbFrame(Resolution size, byte[] rgb) {
  private static final int CHANNELS = 3;

  /** Checks that there are as many bytes as the size says. */
  public RgbFrame {
    if (rgb.length != size.width() * size.height() * CHANNELS) {
      throw new IllegalArgumentException(
          "a frame of "
              + size
              + " has "
              + size.width() * size.height() * CHANNELS
              + " bytes, got "
              + rgb.length);
    }
  }

  /** Pixels per row. */
  public int width() {
    return size.width();
  }

  /** Rows. */
  public int height() {
    return size.height();
  }

  /** The same bytes with blue first, as OpenCV stores frames. */
  public byte[] bgr() {
    byte[] bgr = new byte[rgb.length];
    for (int i = 0; i < rgb.length; i += CHANNELS) {
      bgr[i] = rgb[i + 2];
      bgr[i + 1] = rgb[i + 1];
      bgr[i + 2] = rgb[i];
    }
    return bgr;
  }

  /**
   * The luminance of each pixel, ITU-R BT.601 in OpenCV's fixed-point arithmetic, to the last bit.
   *
   * @return {@code [height, width]}, unsigned bytes
   */
  public byte[] gray() {
    byte[] gray = new byte[rgb.length / CHANNELS];
    for (int i = 0; i < gray.length; i++) {
      int red = rgb[CHANNELS * i] & 0xff;
      int green = rgb[CHANNELS * i + 1] & 0xff;
      int blue = rgb[CHANNELS * i + 2] & 0xff;
      gray[i] = (byte) ((9798 * red + 19235 * green + 3735 * blue + 16384) >> 15);
    }
    return gray;
  }

  /** The frame turned clockwise by 90 degrees, so many times. */
  public RgbFrame turned(int quarterTurns) {
    RgbFrame turned = this;
    for (int turn = 0; turn < Math.floorMod(quarterTurns, 4); turn++) {
      turned = turned.turnedOnce();
    }
    return turned;
  }

  private RgbFrame turnedOnce() {
    int width = height();
    byte[] to = new byte[rgb.length];
    for (int y = 0; y < height(); y++) {
      for (int x = 0; x < width(); x++) {
        int from = (y * width() + x) * CHANNELS;
        int at = (x * width + width - 1 - y) * CHANNELS;
        System.arraycopy(rgb, from, to, at, CHANNELS);
      }
    }
    return new RgbFrame(new Resolution(width, width()), to);
  }
}
