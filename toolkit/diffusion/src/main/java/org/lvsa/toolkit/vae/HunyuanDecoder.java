// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;
import org.lvsa.toolkit.layers.PixelNorm;
import org.lvsa.toolkit.layers.ReplicatePadding.RowChange;
import org.lvsa.toolkit.layers.SpaceToDepth;
import org.lvsa.toolkit.layers.Volume;

/**
 * From latent frames to frames, one latent frame at a time. Every layer sees earlier frames alone,
 * so this gives what the published decoder gives that takes the whole video at once.
 *
 * @param timed levels at the beginning, behind which no level changes the number of frames
 * @param slots number of layers that keep earlier frames
 */
record HunyuanDecoder(
    ReplicateConv convIn,
    CausalMidBlock mid,
    List<HunyuanLevel> levels,
    int timed,
    PixelNorm normOut,
    ReplicateConv convOut,
    int slots)
    implements StretchDecoder {

  @Override
  public Volume decode(Run run, Volume latent) {
    // Each resolution has volumes of its own sizes: those of the others would lie unused.
    run.workspace.trim();
    Volume x = run.workspace.take(1, latent.height(), latent.width(), convIn.outChannels());
    convIn.apply(run, convIn.input(run, latent, RowChange.NONE), x, false);
    run.observe("conv_in", x);
    SpaceToDepth.addRepeated(latent, x);
    run.workspace.give(latent);
    x = mid.apply(run, x);
    run.observe("mid", x);
    for (int level = 0; level < timed; level++) {
      run.workspace.trim();
      x = levels.get(level).up(run, x);
      run.observe("up" + level, x);
    }
    Volume out = null;
    // A frame at a time, as the highest resolutions take most of the memory.
    for (int t = 0; t < x.frames(); t++) {
      Volume frame = run.workspace.take(1, x.height(), x.width(), x.channels());
      frame.copyFrom(x.frames(t, 1));
      Volume decoded = frame(run, frame);
      if (out == null) {
        out = run.workspace.take(x.frames(), decoded.height(), decoded.width(), decoded.channels());
      }
      out.frames(t, 1).copyFrom(decoded);
      run.workspace.give(decoded);
    }
    run.workspace.give(x);
    run.observe("out", out);
    run.next();
    return out;
  }

  /** The levels that do not change the number of frames, and the last layers. */
  private Volume frame(Run run, Volume x) {
    for (int level = timed; level < levels.size(); level++) {
      run.workspace.trim();
      x = levels.get(level).up(run, x);
      run.observe("up" + level, x);
    }
    Volume out = run.workspace.take(1, x.height(), x.width(), convOut.outChannels());
    Volume input = convOut.input(run, x, normOut::applyWithSilu);
    run.workspace.give(x);
    convOut.apply(run, input, out, false);
    return out;
  }

  @Override
  public void close() {
    convIn.close();
    mid.close();
    levels.forEach(HunyuanLevel::close);
    convOut.close();
  }
}
