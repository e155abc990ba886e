// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.Volume;

/**
 * Norm, SiLU and convolution, twice, added to the input. The norms are over whole stretches; the
 * convolutions run over some frames at a time, so that normed frames need not all be held at once.
 *
 * @param shortcut brings the input to the result's channels; null where they are as many
 */
record ChunkResnet(
    ChunkNorm norm1, CausalConv conv1, ChunkNorm norm2, CausalConv conv2, Conv3d shortcut)
    implements AutoCloseable {

  /**
   * Computes the block. The memory of {@code x} becomes the result's or is given back.
   *
   * @param latents that {@code x} is decoded from; null in the encoder
   */
  Volume apply(Run run, Volume x, Volume latents) {
    Volume hidden = run.workspace.take(x.frames(), x.height(), x.width(), conv1.outChannels());
    convolve(run, norm1, conv1, x, latents, hidden, false);
    Volume out = x;
    if (shortcut != null) {
      out = run.workspace.take(x.frames(), x.height(), x.width(), conv2.outChannels());
      shortcut.apply(x, 0, out, false);
      run.workspace.give(x);
    }
    convolve(run, norm2, conv2, hidden, latents, out, true);
    run.workspace.give(hidden);
    return out;
  }

  /** Convolves the norm of {@code in}, some frames at a time. */
  static void convolve(
      Run run,
      ChunkNorm norm,
      CausalConv conv,
      Volume in,
      Volume latents,
      Volume out,
      boolean add) {
    int piece = run.framesAtATime(in);
    try (ChunkNorm.OfStretch normed = norm.of(run, in, latents)) {
      for (int first = 0; first < in.frames(); first += piece) {
        int count = Math.min(piece, in.frames() - first);
        Volume input = conv.input(run, count, in.height(), in.width());
        normed.applyWithSilu(first, in.frames(first, count), CausalConv.fresh(input, count));
        conv.apply(run, input, out.frames(first, count), add);
      }
    }
  }

  @Override
  public void close() {
    norm1.close();
    conv1.close();
    norm2.close();
    conv2.close();
    if (shortcut != null) {
      shortcut.close();
    }
  }
}
