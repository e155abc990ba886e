// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.PixelNorm;
import org.lvsa.toolkit.layers.Volume;

/**
 * Norm, SiLU and convolution, twice, added to the input.
 *
 * @param shortcut brings the input to the result's channels; null where they are as many
 */
record Resnet(
    PixelNorm norm1, StretchConv conv1, PixelNorm norm2, StretchConv conv2, Conv3d shortcut)
    implements AutoCloseable {

  /** Computes the block. The memory of {@code x} becomes the result's or is given back. */
  Volume apply(Run run, Volume x) {
    Volume input = conv1.input(run, x, norm1::applyWithSilu);
    Volume hidden = run.workspace.take(x.frames(), x.height(), x.width(), conv1.outChannels());
    conv1.apply(run, input, hidden, false);
    input = conv2.input(run, hidden, norm2::applyWithSilu);
    if (shortcut == null) {
      run.workspace.give(hidden);
      conv2.apply(run, input, x, true);
      return x;
    }
    shortcut.apply(x, 0, hidden, false);
    run.workspace.give(x);
    conv2.apply(run, input, hidden, true);
    return hidden;
  }

  int outChannels() {
    return conv2.outChannels();
  }

  @Override
  public void close() {
    conv1.close();
    conv2.close();
    if (shortcut != null) {
      shortcut.close();
    }
  }
}
