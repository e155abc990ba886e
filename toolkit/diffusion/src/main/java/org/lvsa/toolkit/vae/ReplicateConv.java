// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.ConvGeometry;
import org.lvsa.toolkit.layers.ReplicatePadding;
import org.lvsa.toolkit.layers.ReplicatePadding.RowChange;
import org.lvsa.toolkit.layers.Volume;

/**
 * A convolution of three by three by three that sees earlier frames and no later ones. What it sees
 * beyond a frame's border is the frame's outermost pixels, and before the first frame the first
 * frame. It keeps the last two frames of what it saw, with their border, for the next stretch.
 *
 * @param conv takes frames with a border
 * @param slot where the frames are kept
 */
record ReplicateConv(Conv3d conv, int slot) implements StretchConv {
  /** Earlier frames that a result sees. */
  private static final int EARLIER = 2;

  /** The geometry without padding: the border is part of the frames. */
  static ConvGeometry geometry(int out, int in) {
    return new ConvGeometry(out, in, EARLIER + 1, 3, 3, 1, 1, 0, 0);
  }

  @Override
  public Volume input(Run run, Volume x, RowChange change) {
    int frames = x.frames();
    Volume input =
        run.workspace.take(EARLIER + frames, x.height() + 2, x.width() + 2, x.channels());
    ReplicatePadding.write(x, input.frames(EARLIER, frames), change);
    Volume kept = run.kept[slot];
    for (int t = 0; t < EARLIER; t++) {
      input.frames(t, 1).copyFrom(kept == null ? input.frames(EARLIER, 1) : kept.frames(t, 1));
    }
    return input;
  }

  @Override
  public void apply(Run run, Volume input, Volume out, boolean add) {
    conv.apply(input, 0, out, add);
    Volume kept = run.kept[slot];
    if (kept == null) {
      kept = run.workspace.take(EARLIER, input.height(), input.width(), input.channels());
      run.kept[slot] = kept;
    }
    kept.copyFrom(input.frames(input.frames() - EARLIER, EARLIER));
    run.workspace.give(input);
  }

  @Override
  public int outChannels() {
    return conv.geometry().out();
  }

  @Override
  public void close() {
    conv.close();
  }
}
