// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import org.lvsa.toolkit.evaluate.frame.Edges;
import org.lvsa.toolkit.evaluate.frame.GrayImage;
import org.lvsa.toolkit.evaluate.frame.RgbFrame;

/**
 * Halos: more contrast beside edges than elsewhere.
 *
 * @param edgePixels pixels on an edge
 * @param ringPixels pixels beside an edge
 * @param near mean contrast beside edges; 0 if fewer than 100 pixels are beside one
 * @param elsewhere mean contrast of all other pixels; 0 as {@code near}
 * @param severity 0 to 1
 */
record EdgeHalo(int edgePixels, int ringPixels, double near, double elsewhere, double severity) {
  private static final int FEWEST = 100;
  private static final double USUAL_RATIO = 1.5;
  private static final double RATIO_RANGE = 3;

  /** Looks at a frame. */
  static EdgeHalo of(RgbFrame frame) {
    Edges edges = Edges.of(frame);
    short[] laplacian = GrayImage.of(frame).laplacian();
    int on = 0;
    int ring = 0;
    long near = 0;
    long elsewhere = 0;
    for (int pixel = 0; pixel < laplacian.length; pixel++) {
      int contrast = Math.abs(laplacian[pixel]);
      on += edges.edge()[pixel] != 0 ? 1 : 0;
      if (edges.ring()[pixel] != 0) {
        ring++;
        near += contrast;
      } else {
        elsewhere += contrast;
      }
    }
    if (ring < FEWEST) {
      return new EdgeHalo(on, ring, 0, 0, 0);
    }
    int rest = laplacian.length - ring;
    double nearMean = (double) near / ring;
    double restMean = rest == 0 ? nearMean : (double) elsewhere / rest;
    double severity =
        restMean > 0 ? Numbers.unit((nearMean / restMean - USUAL_RATIO) / RATIO_RANGE) : 0;
    return new EdgeHalo(on, ring, nearMean, restMean, severity);
  }
}
