// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.frame;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgproc;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Size;

/**
 * The luminance of a frame, and OpenCV's filters on it. At the borders the picture goes on mirrored
 * in its outermost pixels (OpenCV's reflect-101).
 *
 * @param width pixels per row
 * @param height rows
 * @param values {@code [height, width]}, unsigned bytes; not copied
 */
public record GrayImage(int width, int height, byte[] values) {
  /** The luminance of a frame. */
  public static GrayImage of(RgbFrame frame) {
    return new GrayImage(frame.width(), frame.height(), frame.gray());
  }

  /** Pixels. */
  public int pixels() {
    return values.length;
  }

  /** A pixel's level, 0 to 255. */
  public int level(int pixel) {
    return values[pixel] & 0xff;
  }

  /** Levels as floats. */
  public float[] levels() {
    float[] levels = new float[values.length];
    for (int i = 0; i < levels.length; i++) {
      levels[i] = values[i] & 0xff;
    }
    return levels;
  }

  /** The Laplacian of the four neighbours: their sum less four times the pixel. */
  public short[] laplacian() {
    try (PointerScope _ = new PointerScope()) {
      Mat to = new Mat();
      opencv_imgproc.Laplacian(mat(), to, opencv_core.CV_16S);
      return OpenCv.shorts(to);
    }
  }

  /** The squared length of the gradient by Sobel's 3 by 3 filters. */
  public int[] squaredGradient() {
    try (PointerScope _ = new PointerScope()) {
      Mat from = mat();
      Mat along = new Mat();
      Mat down = new Mat();
      opencv_imgproc.Sobel(from, along, opencv_core.CV_16S, 1, 0);
      opencv_imgproc.Sobel(from, down, opencv_core.CV_16S, 0, 1);
      short[] x = OpenCv.shorts(along);
      short[] y = OpenCv.shorts(down);
      int[] squared = new int[x.length];
      for (int i = 0; i < squared.length; i++) {
        squared[i] = x[i] * x[i] + y[i] * y[i];
      }
      return squared;
    }
  }

  /**
   * The picture less its weighted mean over a square around each pixel, with Gaussian weights.
   *
   * @param side of the square, odd
   */
  public float[] detail(int side, double deviation) {
    try (PointerScope _ = new PointerScope()) {
      float[] levels = levels();
      Mat blurred = new Mat();
      opencv_imgproc.GaussianBlur(
          OpenCv.floats(width, height, levels),
          blurred,
          new Size(side, side),
          deviation,
          deviation,
          opencv_core.BORDER_DEFAULT,
          opencv_core.ALGO_HINT_DEFAULT);
      float[] smooth = OpenCv.floats(blurred);
      for (int i = 0; i < levels.length; i++) {
        levels[i] -= smooth[i];
      }
      return levels;
    }
  }

  private Mat mat() {
    return OpenCv.bytes(width, height, 1, values);
  }
}
