// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.frame;

import java.nio.DoubleBuffer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgproc;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Size;

/**
 * How much a picture resembles itself when it is moved: the circular autocorrelation of its levels
 * less their mean, by the Wiener-Khinchin theorem.
 *
 * @param width lags to the right
 * @param height lags down
 * @param values {@code [height, width]}, not divided by the value at lag 0; not copied
 */
public record Autocorrelation(int width, int height, double[] values) {
  /** Longest side of the pictures that are compared with themselves. */
  public static final int LONGEST_SIDE = 512;

  /** Scales a picture so that its longer side has at most 512 pixels. */
  public static float[][] reduced(int width, int height, float[] values) {
    double scale = Math.min(1.0, (double) LONGEST_SIDE / Math.max(width, height));
    float[][] rows = new float[height][width];
    if (scale >= 1) {
      for (int y = 0; y < height; y++) {
        System.arraycopy(values, y * width, rows[y], 0, width);
      }
      return rows;
    }
    try (PointerScope _ = new PointerScope()) {
      Mat to = new Mat();
      opencv_imgproc.resize(
          OpenCv.floats(width, height, values),
          to,
          new Size(0, 0),
          scale,
          scale,
          opencv_imgproc.INTER_LINEAR);
      float[] all = OpenCv.floats(to);
      rows = new float[to.rows()][to.cols()];
      for (int y = 0; y < rows.length; y++) {
        System.arraycopy(all, y * rows[y].length, rows[y], 0, rows[y].length);
      }
      return rows;
    }
  }

  /** Of a picture, given by its rows. */
  public static Autocorrelation of(float[][] rows) {
    int height = rows.length;
    int width = rows[0].length;
    double sum = 0;
    for (float[] row : rows) {
      for (float value : row) {
        sum += value;
      }
    }
    double mean = sum / ((double) width * height);
    try (PointerScope _ = new PointerScope()) {
      Mat picture = new Mat(height, width, opencv_core.CV_64F);
      DoubleBuffer buffer = picture.createBuffer();
      for (float[] row : rows) {
        for (float value : row) {
          buffer.put(value - mean);
        }
      }
      Mat spectrum = new Mat();
      opencv_core.dft(picture, spectrum);
      Mat power = new Mat();
      opencv_core.mulSpectrums(spectrum, spectrum, power, 0, true);
      Mat correlation = new Mat();
      opencv_core.dft(
          power,
          correlation,
          opencv_core.DFT_INVERSE | opencv_core.DFT_SCALE | opencv_core.DFT_REAL_OUTPUT,
          0);
      double[] values = new double[width * height];
      DoubleBuffer out = correlation.createBuffer();
      out.get(values);
      return new Autocorrelation(width, height, values);
    }
  }

  /** The value without a shift: the sum of squares. */
  public double atZero() {
    return values[0];
  }

  /**
   * The largest magnitude away from lag 0, divided by {@link #atZero}.
   *
   * @param down lags of fewer rows up or down, and of fewer than {@code right} columns to either
   *     side, are left out; 0 leaves out rows at any distance
   * @param right as {@code down}, for columns
   */
  public double peak(int down, int right) {
    double largest = 0;
    for (int y = 0; y < height; y++) {
      boolean nearRow = down == 0 || y < down || y >= height - down;
      for (int x = 0; x < width; x++) {
        boolean nearColumn = right == 0 || x < right || x >= width - right;
        if (!nearRow || !nearColumn) {
          largest = Math.max(largest, Math.abs(values[y * width + x] / atZero()));
        }
      }
    }
    return largest;
  }
}
