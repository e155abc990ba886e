// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.PixelShuffle;
import org.lvsa.toolkit.layers.ReplicatePadding.RowChange;
import org.lvsa.toolkit.layers.Volume;

/**
 * Twice the rows and pixels, and with a time convolution twice the frames. The first stretch of a
 * video, which is one frame, stays one.
 *
 * @param time gives twice the channels, half of them for each frame; null where the frames stay
 * @param spatial a convolution of the doubled frames
 */
record Upsample(CausalConv time, Conv3d spatial) implements AutoCloseable {

  /** Computes the block and gives the memory of {@code x} back. */
  Volume apply(Run run, String name, Volume x) {
    if (time != null && !run.isFirst()) {
      Volume pairs = run.workspace.take(x.frames(), x.height(), x.width(), 2 * x.channels());
      time.apply(run, time.input(run, x, RowChange.NONE), pairs, false);
      run.observe(name + ".time_conv", pairs);
      Volume twice = run.workspace.take(2 * x.frames(), x.height(), x.width(), x.channels());
      PixelShuffle.halvesAsFrames(pairs, twice);
      run.workspace.give(pairs);
      run.workspace.give(x);
      x = twice;
    }
    int height = 2 * x.height();
    int width = 2 * x.width();
    Volume out = run.workspace.take(x.frames(), height, width, spatial.geometry().out());
    // A frame at a time: doubled frames are the largest of all.
    Volume doubled = run.workspace.take(1, height, width, x.channels());
    for (int t = 0; t < x.frames(); t++) {
      PixelShuffle.doubled(x.frames(t, 1), doubled);
      spatial.apply(doubled, 0, out.frames(t, 1), false);
    }
    run.workspace.give(doubled);
    run.workspace.give(x);
    return out;
  }

  @Override
  public void close() {
    if (time != null) {
      time.close();
    }
    spatial.close();
  }
}
