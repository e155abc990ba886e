// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.frame;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_video;
import org.bytedeco.opencv.opencv_core.Mat;

/**
 * Where each pixel of one frame went in the next one (dense optical flow; Farnebäck, "Two-frame
 * motion estimation based on polynomial expansion", 2003).
 *
 * @param width pixels per row; the frames are scaled so that their longer side has at most 480
 * @param height rows
 * @param motion {@code [height, width, 2]}, pixels to the right and pixels down; not copied
 */
public record FlowField(int width, int height, float[] motion) {
  /** Longest side of the pictures between which motion is measured, in pixels. */
  public static final int LONGEST_SIDE = 480;

  private static final double PYRAMID_SCALE = 0.5;
  private static final int LEVELS = 3;
  private static final int WINDOW = 15;
  private static final int ITERATIONS = 3;
  private static final int NEIGHBOURHOOD = 5;
  private static final double DEVIATION = 1.2;

  /** The motion from a frame to another of the same size. */
  public static FlowField between(RgbFrame from, RgbFrame to) {
    return between(reduced(from), reduced(to));
  }

  /** The motion between two pictures of the same size, at that size. */
  public static FlowField between(GrayImage from, GrayImage to) {
    try (PointerScope _ = new PointerScope()) {
      Mat flow = new Mat();
      opencv_video.calcOpticalFlowFarneback(
          OpenCv.bytes(from.width(), from.height(), 1, from.values()),
          OpenCv.bytes(to.width(), to.height(), 1, to.values()),
          flow,
          PYRAMID_SCALE,
          LEVELS,
          WINDOW,
          ITERATIONS,
          NEIGHBOURHOOD,
          DEVIATION,
          0);
      return new FlowField(from.width(), from.height(), OpenCv.floats(flow));
    }
  }

  /** The luminance of a frame at the size at which motion is measured. */
  public static GrayImage reduced(RgbFrame frame) {
    return GrayImage.of(scaled(frame));
  }

  /** A frame at the size at which motion is measured; the sides are cut to whole pixels. */
  public static RgbFrame scaled(RgbFrame frame) {
    int longest = Math.max(frame.width(), frame.height());
    if (longest <= LONGEST_SIDE) {
      return frame;
    }
    double scale = (double) LONGEST_SIDE / longest;
    int width = Math.max(1, (int) (frame.width() * scale));
    int height = Math.max(1, (int) (frame.height() * scale));
    return new RgbFrame(
        new org.lvsa.toolkit.model.Resolution(width, height),
        OpenCv.resized(frame.width(), frame.height(), 3, frame.rgb(), width, height));
  }

  /** Pixels. */
  public int pixels() {
    return width * height;
  }

  /** How far a pixel moved, in pixels. */
  public float length(int pixel) {
    float right = motion[2 * pixel];
    float down = motion[2 * pixel + 1];
    return (float) Math.sqrt(right * right + down * down);
  }

  /** How far pixels moved on average. */
  public double meanLength() {
    double sum = 0;
    for (int pixel = 0; pixel < pixels(); pixel++) {
      sum += length(pixel);
    }
    return (float) (sum / pixels());
  }

  /** Direction of a pixel's motion: 0 to the right, π / 2 down, within -π and π. */
  public float direction(int pixel) {
    return (float) Math.atan2(motion[2 * pixel + 1], motion[2 * pixel]);
  }
}
