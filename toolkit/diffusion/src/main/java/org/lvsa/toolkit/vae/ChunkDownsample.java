// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.Rows;
import org.lvsa.toolkit.layers.Volume;

/**
 * With time half the frames, each the mean of two; then half the rows and pixels by a convolution
 * of each frame. Of an odd number of frames the first one stays as it is.
 *
 * @param time whether the frames are halved
 */
record ChunkDownsample(Conv3d spatial, boolean time) implements AutoCloseable {

  /** Computes the block and gives the memory of {@code x} back. */
  Volume apply(Run run, Volume x) {
    int alone = x.frames() % 2;
    int frames = time ? x.frames() / 2 + alone : x.frames();
    int height = spatial.geometry().heightOut(x.height());
    int width = spatial.geometry().widthOut(x.width());
    Volume out = run.workspace.take(frames, height, width, x.channels());
    for (int t = 0; t < frames; t++) {
      Volume frame = x.frames(t, 1);
      if (time && (t > 0 || alone == 0)) {
        frame = x.frames(2 * t - alone, 1);
        Rows.merge(
            frame.matrix(),
            x.frames(2 * t - alone + 1, 1).matrix(),
            (index, pixel, next) -> {
              for (int c = 0; c < pixel.length; c++) {
                pixel[c] = (pixel[c] + next[c]) / 2;
              }
            });
      }
      spatial.apply(frame, 0, out.frames(t, 1), false);
    }
    run.workspace.give(x);
    return out;
  }

  @Override
  public void close() {
    spatial.close();
  }
}
