// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.frame;

import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgproc;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Size;

/**
 * OpenCV on plain arrays. Matrices live only within a call.
 *
 * <p>Frames are judged beside each other on all cores, so each call keeps to its own thread.
 */
final class OpenCv {
  static {
    opencv_core.setNumThreads(1);
  }

  private OpenCv() {}

  /** A matrix of unsigned bytes, rows packed. */
  static Mat bytes(int width, int height, int channels, byte[] values) {
    Mat mat = new Mat(height, width, opencv_core.CV_8UC(channels));
    mat.data().put(values, 0, values.length);
    return mat;
  }

  /** A matrix of floats, rows packed. */
  static Mat floats(int width, int height, float[] values) {
    Mat mat = new Mat(height, width, opencv_core.CV_32F);
    FloatBuffer buffer = mat.createBuffer();
    buffer.put(values);
    return mat;
  }

  /** All bytes of a matrix, rows packed. */
  static byte[] bytes(Mat mat) {
    byte[] values = new byte[mat.rows() * mat.cols() * mat.channels()];
    mat.data().get(values);
    return values;
  }

  /** All numbers of a matrix of floats, rows and channels packed. */
  static float[] floats(Mat mat) {
    float[] values = new float[mat.rows() * mat.cols() * mat.channels()];
    FloatBuffer buffer = mat.createBuffer();
    buffer.get(values);
    return values;
  }

  /** All numbers of a matrix of 16-bit integers. */
  static short[] shorts(Mat mat) {
    short[] values = new short[mat.rows() * mat.cols()];
    ShortBuffer buffer = mat.createBuffer();
    buffer.get(values);
    return values;
  }

  /** Scales a picture of bytes, with bilinear interpolation in OpenCV's fixed-point arithmetic. */
  static byte[] resized(
      int width, int height, int channels, byte[] values, int toWidth, int toHeight) {
    try (PointerScope _ = new PointerScope()) {
      Mat to = new Mat();
      opencv_imgproc.resize(
          bytes(width, height, channels, values), to, new Size(toWidth, toHeight));
      return bytes(to);
    }
  }
}
