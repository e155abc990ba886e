// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.PixelShuffle;
import org.lvsa.toolkit.layers.Volume;

/**
 * Twice the rows and pixels and, with time, twice the frames, by repetition; then a convolution of
 * each frame. Of an odd number of frames the first one stays one.
 *
 * @param time whether the frames are doubled
 */
record ChunkUpsample(Conv3d spatial, boolean time) implements AutoCloseable {

  /** Computes the block and gives the memory of {@code x} back. */
  Volume apply(Run run, Volume x) {
    int alone = x.frames() % 2;
    int frames = time ? 2 * x.frames() - alone : x.frames();
    Volume out =
        run.workspace.take(frames, 2 * x.height(), 2 * x.width(), spatial.geometry().out());
    // A frame at a time: doubled frames are the largest of all.
    Volume doubled = run.workspace.take(1, 2 * x.height(), 2 * x.width(), x.channels());
    int to = 0;
    for (int t = 0; t < x.frames(); t++) {
      PixelShuffle.doubled(x.frames(t, 1), doubled);
      spatial.apply(doubled, 0, out.frames(to, 1), false);
      to++;
      if (time && (t > 0 || alone == 0)) {
        out.frames(to, 1).copyFrom(out.frames(to - 1, 1));
        to++;
      }
    }
    run.workspace.give(doubled);
    run.workspace.give(x);
    return out;
  }

  @Override
  public void close() {
    spatial.close();
  }
}
