// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Volume;

/** Gives the frames of a video that is encoded, a stretch at a time, in order. */
@FunctionalInterface
public interface FrameSource {
  /**
   * Gives frames.
   *
   * @param first which frame of the video the first of these is
   * @param frames to fill: {@code [frames, height, width, 3]}, red, green and blue from −1 to 1
   */
  void read(int first, Volume frames);
}
