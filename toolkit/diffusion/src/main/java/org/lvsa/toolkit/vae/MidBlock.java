// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.PixelAttention;
import org.lvsa.toolkit.layers.PixelNorm;
import org.lvsa.toolkit.layers.Volume;

/** The block at the lowest resolution: attention within each frame between two resnets. */
record MidBlock(Resnet first, PixelNorm norm, Conv3d qkv, Conv3d proj, Resnet second)
    implements AutoCloseable {

  /** Computes the block. The memory of {@code x} becomes the result's or is given back. */
  Volume apply(Run run, Volume x) {
    x = first.apply(run, x);
    Volume normed = run.workspace.take(x.frames(), x.height(), x.width(), x.channels());
    norm.apply(x, normed);
    Volume projected = run.workspace.take(x.frames(), x.height(), x.width(), 3 * x.channels());
    qkv.apply(normed, 0, projected, false);
    PixelAttention.attend(projected, normed);
    run.workspace.give(projected);
    proj.apply(normed, 0, x, true);
    run.workspace.give(normed);
    return second.apply(run, x);
  }

  @Override
  public void close() {
    first.close();
    qkv.close();
    proj.close();
    second.close();
  }
}
