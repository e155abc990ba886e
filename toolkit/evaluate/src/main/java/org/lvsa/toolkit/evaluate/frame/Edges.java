// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.frame;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgproc;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Scalar;

/**
 * The edges of a frame and the ring around them.
 *
 * @param edge {@code [height, width]}, 255 on an edge, else 0
 * @param ring as {@code edge}: within 4 rows and 4 columns of an edge, and not on one
 */
public record Edges(byte[] edge, byte[] ring) {
  private static final double WEAK = 50;
  private static final double STRONG = 150;
  private static final int REACH = 4;

  /** Canny's edges over the three colours, thresholds 50 and 150. */
  public static Edges of(RgbFrame frame) {
    try (PointerScope _ = new PointerScope()) {
      // Blue first: among colours of equal gradient the first one decides.
      Mat from = OpenCv.bytes(frame.width(), frame.height(), 3, frame.bgr());
      Mat edges = new Mat();
      opencv_imgproc.Canny(from, edges, WEAK, STRONG);
      Mat around = new Mat();
      int side = 2 * REACH + 1;
      opencv_imgproc.dilate(edges, around, new Mat(side, side, opencv_core.CV_8U, new Scalar(1)));
      byte[] edge = OpenCv.bytes(edges);
      byte[] ring = OpenCv.bytes(around);
      for (int i = 0; i < ring.length; i++) {
        ring[i] = edge[i] != 0 ? 0 : ring[i];
      }
      return new Edges(edge, ring);
    }
  }
}
