// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.Volume;

/**
 * Half the rows and pixels, and with a time convolution half the frames. The first stretch of a
 * video, which is one frame, stays one.
 *
 * @param spatial every second row and pixel
 * @param time a convolution of three frames, of every second of which there is a result; null where
 *     the frames stay
 * @param slot where the last frame of a stretch is kept
 */
record Downsample(Conv3d spatial, Conv3d time, int slot) implements AutoCloseable {

  /** Computes the block and gives the memory of {@code x} back. */
  Volume apply(Run run, Volume x) {
    int height = spatial.geometry().heightOut(x.height());
    int width = spatial.geometry().widthOut(x.width());
    Volume kept = run.kept[slot];
    int before = time == null || kept == null ? 0 : 1;
    Volume small = run.workspace.take(before + x.frames(), height, width, x.channels());
    if (before == 1) {
      small.frames(0, 1).copyFrom(kept);
    }
    spatial.apply(x, 0, CausalConv.fresh(small, x.frames()), false);
    run.workspace.give(x);
    if (time == null) {
      return small;
    }
    Volume last = run.workspace.take(1, height, width, small.channels());
    last.copyFrom(small.frames(small.frames() - 1, 1));
    run.workspace.give(kept);
    run.kept[slot] = last;
    if (before == 0) {
      return small;
    }
    Volume out =
        run.workspace.take(
            time.geometry().framesOut(small.frames(), 0), height, width, small.channels());
    time.apply(small, 0, out, false);
    run.workspace.give(small);
    return out;
  }

  @Override
  public void close() {
    spatial.close();
    if (time != null) {
      time.close();
    }
  }
}
