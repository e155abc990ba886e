// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.video;

import org.lvsa.toolkit.model.Resolution;

/**
 * How far two frames of the same size are from each other.
 *
 * <p>Frames are {@code [height, width, 3]}, red, green and blue as unsigned bytes.
 */
public final class FrameMetrics {
  private static final double LARGEST = 255;

  /** Side of the window of structural similarity, in pixels. */
  private static final int WINDOW = 11;

  /** What each scale of {@link #msSsim} counts, from the finest to the coarsest one. */
  private static final double[] SCALES = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};

  /** Shortest side of frames that {@link #ssim} compares, in pixels. */
  public static final int SMALLEST_SSIM = WINDOW;

  /** Shortest side of frames that {@link #msSsim} compares, in pixels. */
  public static final int SMALLEST_MS_SSIM = WINDOW << SCALES.length - 1;

  private static final double[] GAUSSIAN = gaussian(1.5);
  private static final double C1 = Math.pow(0.01 * LARGEST, 2);
  private static final double C2 = Math.pow(0.03 * LARGEST, 2);

  private FrameMetrics() {}

  /**
   * Peak signal-to-noise ratio over all colours, in decibels: {@code 10 log10(255² / mean squared
   * difference)}; infinite for equal frames.
   */
  public static double psnr(byte[] a, byte[] b) {
    if (a.length != b.length || a.length == 0) {
      throw new IllegalArgumentException(
          "frames must be as large as each other, got " + a.length + " and " + b.length + " bytes");
    }
    long squares = 0;
    for (int e = 0; e < a.length; e++) {
      int difference = (a[e] & 0xff) - (b[e] & 0xff);
      squares += difference * difference;
    }
    return 10 * Math.log10(LARGEST * LARGEST * a.length / squares);
  }

  /**
   * Structural similarity, mean over all places of the window and over the three colours; 1 for
   * equal frames (Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error
   * visibility to structural similarity", 2004). The window is 11 by 11 pixels with Gaussian
   * weights of deviation 1.5 and lies wholly within the frame; the constants are 0.01 and 0.03.
   *
   * @throws IllegalArgumentException if the frame is smaller than the window or has another size
   */
  public static double ssim(Resolution size, byte[] a, byte[] b) {
    check(size, a, b, SMALLEST_SSIM, "structural similarity");
    double sum = 0;
    for (int colour = 0; colour < 3; colour++) {
      sum += similarity(size, plane(a, colour), plane(b, colour)).whole();
    }
    return sum / 3;
  }

  /**
   * Structural similarity over five scales, each half as wide and high as the one before, mean over
   * the three colours; 1 for equal frames (Wang, Simoncelli and Bovik, "Multiscale structural
   * similarity for image quality assessment", 2003). Contrast and structure count at each scale,
   * and the luminance at the coarsest one; a negative value of either counts as 0. Halving takes
   * the mean of two by two pixels and drops an odd row or column.
   *
   * @throws IllegalArgumentException if a side of the frame is shorter than 176 pixels, or it has
   *     another size
   */
  public static double msSsim(Resolution size, byte[] a, byte[] b) {
    check(size, a, b, SMALLEST_MS_SSIM, "structural similarity over five scales");
    double sum = 0;
    for (int colour = 0; colour < 3; colour++) {
      sum += msSsim(size, plane(a, colour), plane(b, colour));
    }
    return sum / 3;
  }

  private static double msSsim(Resolution size, double[] a, double[] b) {
    Resolution at = size;
    double[] first = a;
    double[] second = b;
    double product = 1;
    for (int scale = 0; scale < SCALES.length; scale++) {
      if (scale > 0) {
        first = halved(at, first);
        second = halved(at, second);
        at = new Resolution(at.width() / 2, at.height() / 2);
      }
      Similarity similarity = similarity(at, first, second);
      boolean coarsest = scale == SCALES.length - 1;
      product *=
          Math.pow(
              Math.max(0, coarsest ? similarity.whole() : similarity.structure()), SCALES[scale]);
    }
    return product;
  }

  private static double[] halved(Resolution size, double[] plane) {
    int width = size.width() / 2;
    double[] halved = new double[width * (size.height() / 2)];
    for (int i = 0; i < halved.length; i++) {
      int at = i / width * 2 * size.width() + i % width * 2;
      halved[i] =
          (plane[at] + plane[at + 1] + plane[at + size.width()] + plane[at + size.width() + 1]) / 4;
    }
    return halved;
  }

  private static void check(Resolution size, byte[] a, byte[] b, int smallest, String what) {
    int length = size.width() * size.height() * 3;
    if (a.length != length || b.length != length) {
      throw new IllegalArgumentException(
          "frames of " + size + " have " + length + " bytes, got " + a.length + " and " + b.length);
    }
    if (size.width() < smallest || size.height() < smallest) {
      throw new IllegalArgumentException(
          what + " needs frames of at least " + smallest + "x" + smallest + ", got " + size);
    }
  }

  /**
   * Means over all places of the window.
   *
   * @param whole luminance times contrast and structure
   * @param structure contrast and structure alone
   */
  private record Similarity(double whole, double structure) {}

  private static Similarity similarity(Resolution size, double[] a, double[] b) {
    double[] meanA = blurred(size, a);
    double[] meanB = blurred(size, b);
    double[] squareA = blurred(size, product(a, a));
    double[] squareB = blurred(size, product(b, b));
    double[] both = blurred(size, product(a, b));
    double whole = 0;
    double structures = 0;
    for (int e = 0; e < meanA.length; e++) {
      double varianceA = squareA[e] - meanA[e] * meanA[e];
      double varianceB = squareB[e] - meanB[e] * meanB[e];
      double covariance = both[e] - meanA[e] * meanB[e];
      double structure = (2 * covariance + C2) / (varianceA + varianceB + C2);
      structures += structure;
      whole +=
          structure
              * (2 * meanA[e] * meanB[e] + C1)
              / (meanA[e] * meanA[e] + meanB[e] * meanB[e] + C1);
    }
    return new Similarity(whole / meanA.length, structures / meanA.length);
  }

  private static double[] plane(byte[] frame, int colour) {
    double[] plane = new double[frame.length / 3];
    for (int pixel = 0; pixel < plane.length; pixel++) {
      plane[pixel] = frame[3 * pixel + colour] & 0xff;
    }
    return plane;
  }

  private static double[] product(double[] a, double[] b) {
    double[] product = new double[a.length];
    for (int e = 0; e < a.length; e++) {
      product[e] = a[e] * b[e];
    }
    return product;
  }

  /** The weighted mean at each place of the window, along rows and then along columns. */
  private static double[] blurred(Resolution size, double[] plane) {
    int width = size.width() - WINDOW + 1;
    int height = size.height() - WINDOW + 1;
    double[] rows = new double[width * size.height()];
    for (int y = 0; y < size.height(); y++) {
      for (int tap = 0; tap < WINDOW; tap++) {
        for (int x = 0; x < width; x++) {
          rows[y * width + x] += GAUSSIAN[tap] * plane[y * size.width() + x + tap];
        }
      }
    }
    double[] blurred = new double[width * height];
    for (int y = 0; y < height; y++) {
      for (int tap = 0; tap < WINDOW; tap++) {
        for (int x = 0; x < width; x++) {
          blurred[y * width + x] += GAUSSIAN[tap] * rows[(y + tap) * width + x];
        }
      }
    }
    return blurred;
  }

  private static double[] gaussian(double deviation) {
    double[] weights = new double[WINDOW];
    double sum = 0;
    for (int tap = 0; tap < WINDOW; tap++) {
      weights[tap] = Math.exp(-Math.pow((tap - WINDOW / 2) / deviation, 2) / 2);
      sum += weights[tap];
    }
    for (int tap = 0; tap < WINDOW; tap++) {
      weights[tap] /= sum;
    }
    return weights;
  }
}
