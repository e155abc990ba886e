// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;
import org.lvsa.toolkit.layers.PixelNorm;
import org.lvsa.toolkit.layers.ReplicatePadding.RowChange;
import org.lvsa.toolkit.layers.SpaceToDepth;
import org.lvsa.toolkit.layers.Volume;

/**
 * From frames to the moments of latent frames: the first frame alone, then as many frames at a time
 * as one latent frame stands for.
 *
 * @param untimed levels at the beginning that do not change the number of frames
 * @param slots number of layers that keep earlier frames
 */
record HunyuanEncoder(
    ReplicateConv convIn,
    List<HunyuanLevel> levels,
    int untimed,
    CausalMidBlock mid,
    PixelNorm normOut,
    ReplicateConv convOut,
    int slots)
    implements StretchEncoder {

  @Override
  public Volume encode(Run run, Volume frames) {
    Volume x = null;
    // A frame at a time, as the highest resolutions take most of the memory.
    for (int t = 0; t < frames.frames(); t++) {
      Volume encoded = frame(run, frames.frames(t, 1));
      if (x == null) {
        x =
            run.workspace.take(
                frames.frames(), encoded.height(), encoded.width(), encoded.channels());
      }
      x.frames(t, 1).copyFrom(encoded);
      run.workspace.give(encoded);
    }
    run.workspace.give(frames);
    for (int level = untimed; level < levels.size(); level++) {
      x = levels.get(level).down(run, x);
      run.observe("down" + level, x);
    }
    x = mid.apply(run, x);
    run.observe("mid", x);
    Volume moments = run.workspace.take(x.frames(), x.height(), x.width(), convOut.outChannels());
    convOut.apply(run, convOut.input(run, x, normOut::applyWithSilu), moments, false);
    SpaceToDepth.addMeans(x, moments);
    run.workspace.give(x);
    run.next();
    return moments;
  }

  /** The levels that do not change the number of frames. */
  private Volume frame(Run run, Volume frame) {
    Volume x = run.workspace.take(1, frame.height(), frame.width(), convIn.outChannels());
    convIn.apply(run, convIn.input(run, frame, RowChange.NONE), x, false);
    run.observe("conv_in", x);
    for (int level = 0; level < untimed; level++) {
      x = levels.get(level).down(run, x);
      run.observe("down" + level, x);
    }
    return x;
  }

  @Override
  public void close() {
    convIn.close();
    levels.forEach(HunyuanLevel::close);
    mid.close();
    convOut.close();
  }
}
