// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.frame;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.opencv_core.DMatchVector;
import org.bytedeco.opencv.opencv_core.KeyPointVector;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_features2d.BFMatcher;
import org.bytedeco.opencv.opencv_features2d.ORB;

/**
 * Key points of two frames that look alike (ORB: Rublee, Rabaud, Konolige and Bradski, 2011), each
 * the other's best match.
 *
 * @param first key points of the first frame
 * @param second key points of the second frame
 * @param displacements pixels from one to the other, for each match; empty if a frame has fewer
 *     than {@value #FEWEST}
 */
public record KeyPoints(int first, int second, double[] displacements) {
  /** With fewer key points, or fewer matches, nothing is concluded. */
  public static final int FEWEST = 10;

  private static final int MOST = 500;

  /** Matches the key points of two frames of the same size. */
  public static KeyPoints match(GrayImage from, GrayImage to) {
    try (PointerScope _ = new PointerScope()) {
      ORB orb = ORB.create();
      orb.setMaxFeatures(MOST);
      KeyPointVector first = new KeyPointVector();
      KeyPointVector second = new KeyPointVector();
      Mat firstLooks = new Mat();
      Mat secondLooks = new Mat();
      Mat everywhere = new Mat();
      orb.detectAndCompute(
          OpenCv.bytes(from.width(), from.height(), 1, from.values()),
          everywhere,
          first,
          firstLooks);
      orb.detectAndCompute(
          OpenCv.bytes(to.width(), to.height(), 1, to.values()), everywhere, second, secondLooks);
      int found = (int) first.size();
      int foundToo = (int) second.size();
      if (firstLooks.rows() < FEWEST || secondLooks.rows() < FEWEST) {
        return new KeyPoints(found, foundToo, new double[0]);
      }
      DMatchVector matches = new DMatchVector();
      new BFMatcher(opencv_core.NORM_HAMMING, true).match(firstLooks, secondLooks, matches);
      double[] displacements = new double[(int) matches.size()];
      for (int i = 0; i < displacements.length; i++) {
        var here = first.get(matches.get(i).queryIdx()).pt();
        var there = second.get(matches.get(i).trainIdx()).pt();
        double right = (double) here.x() - there.x();
        double down = (double) here.y() - there.y();
        displacements[i] = Math.sqrt(right * right + down * down);
      }
      return new KeyPoints(found, foundToo, displacements);
    }
  }
}
