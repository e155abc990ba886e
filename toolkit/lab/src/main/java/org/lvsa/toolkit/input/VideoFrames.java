// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.input;

import org.lvsa.toolkit.model.Resolution;

/** A video as consecutive RGB frames. */
interface VideoFrames {

  /** Receives frames in order. */
  @FunctionalInterface
  interface Receiver {
    /**
     * One frame.
     *
     * @param index from 0
     * @param rgb {@code [height, width, 3]}, 0 to 255 as unsigned bytes; reused for the next frame
     */
    void frame(int index, byte[] rgb);
  }

  /**
   * Hands out the first {@code count} frames, scaled to {@code size}.
   *
   * @throws org.lvsa.toolkit.io.MalformedFileException if there are fewer
   */
  void read(int count, Resolution size, Receiver receiver);
}
