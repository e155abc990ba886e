// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Volume;

/** Takes decoded frames, a stretch at a time, in order. */
@FunctionalInterface
public interface FrameSink {
  /**
   * Takes frames.
   *
   * @param first which frame of the video the first of these is
   * @param frames {@code [frames, height, width, 3]}, red, green and blue from −1 to 1; valid
   *     during the call only
   */
  void accept(int first, Volume frames);

  /**
   * Is told that a tile is decoded. With tiles, frames come only after the last of them.
   *
   * @param done tiles decoded so far
   * @param tiles all tiles
   */
  default void tileDecoded(int done, int tiles) {}
}
