// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.ConvGeometry;
import org.lvsa.toolkit.layers.ReplicatePadding.RowChange;
import org.lvsa.toolkit.layers.Volume;

/**
 * A convolution that sees earlier frames and no later ones. It keeps the last frames of what it saw
 * for the next stretch of video.
 */
final class CausalConv implements StretchConv {
  private final ConvGeometry geometry;
  private final Conv3d conv;
  private final int slot;
  private final Before before;

  /** Earlier frames that a result sees. */
  private final int earlier;

  /** What stands for frames before a video's first one. */
  enum Before {
    /** Frames of zeros. */
    ZEROS,
    /** Copies of the first frame. */
    FIRST_FRAME
  }

  CausalConv(ConvGeometry geometry, Conv3d conv, int slot, Before before) {
    this.geometry = geometry;
    this.conv = conv;
    this.slot = slot;
    this.before = before;
    this.earlier = geometry.kernelFrames() - 1;
  }

  /** Memory for the kept frames and that many new ones, which belong behind: {@link #fresh}. */
  Volume input(Run run, int frames, int height, int width) {
    Volume kept = run.kept[slot];
    int count = kept != null ? kept.frames() : before == Before.FIRST_FRAME ? earlier : 0;
    Volume input = run.workspace.take(count + frames, height, width, geometry.in());
    if (kept != null) {
      input.frames(0, count).copyFrom(kept);
    }
    return input;
  }

  @Override
  public Volume input(Run run, Volume x, RowChange change) {
    Volume input = input(run, x.frames(), x.height(), x.width());
    change.write(x.matrix(), fresh(input, x.frames()).matrix());
    return input;
  }

  /** The part of an input where the new frames belong. */
  static Volume fresh(Volume input, int frames) {
    return input.frames(input.frames() - frames, frames);
  }

  @Override
  public void apply(Run run, Volume input, Volume out, boolean add) {
    if (run.kept[slot] == null && before == Before.FIRST_FRAME) {
      for (int frame = 0; frame < earlier; frame++) {
        input.frames(frame, 1).copyFrom(input.frames(earlier, 1));
      }
    }
    conv.apply(input, earlier - (input.frames() - out.frames()), out, add);
    run.workspace.give(run.kept[slot]);
    int count = Math.min(earlier, input.frames());
    Volume kept = run.workspace.take(count, input.height(), input.width(), input.channels());
    kept.copyFrom(input.frames(input.frames() - count, count));
    run.kept[slot] = kept;
    run.workspace.give(input);
  }

  @Override
  public int outChannels() {
    return geometry.out();
  }

  @Override
  public void close() {
    conv.close();
  }
}
