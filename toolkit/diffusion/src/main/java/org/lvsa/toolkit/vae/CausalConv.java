// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.ConvGeometry;
import org.lvsa.toolkit.layers.Volume;

/**
 * A convolution that sees earlier frames and no later ones. It keeps the last frames of what it saw
 * for the next stretch of video; frames before the first are zeros.
 */
final class CausalConv implements AutoCloseable {
  private final ConvGeometry geometry;
  private final Conv3d conv;
  private final int slot;

  /** Earlier frames that a result sees. */
  private final int earlier;

  CausalConv(ConvGeometry geometry, Conv3d conv, int slot) {
    this.geometry = geometry;
    this.conv = conv;
    this.slot = slot;
    this.earlier = geometry.kernelFrames() - 1;
  }

  /** Memory for the kept frames and that many new ones, which belong behind: {@link #fresh}. */
  Volume input(Run run, int frames, int height, int width) {
    Volume kept = run.kept[slot];
    int before = kept == null ? 0 : kept.frames();
    Volume input = run.workspace.take(before + frames, height, width, geometry.in());
    if (before > 0) {
      input.frames(0, before).copyFrom(kept);
    }
    return input;
  }

  /** The part of an input where the new frames belong. */
  static Volume fresh(Volume input, int frames) {
    return input.frames(input.frames() - frames, frames);
  }

  /** Computes the convolution, keeps the last frames of the input and gives its memory back. */
  void apply(Run run, Volume input, Volume out, boolean add) {
    conv.apply(input, earlier - (input.frames() - out.frames()), out, add);
    run.workspace.give(run.kept[slot]);
    int count = Math.min(earlier, input.frames());
    Volume kept = run.workspace.take(count, input.height(), input.width(), input.channels());
    kept.copyFrom(input.frames(input.frames() - count, count));
    run.kept[slot] = kept;
    run.workspace.give(input);
  }

  /** As {@link #input} and {@link #apply} with a copy of {@code x}. */
  void applyToCopy(Run run, Volume x, Volume out) {
    Volume input = input(run, x.frames(), x.height(), x.width());
    fresh(input, x.frames()).copyFrom(x);
    apply(run, input, out, false);
  }

  int outChannels() {
    return geometry.out();
  }

  @Override
  public void close() {
    conv.close();
  }
}
