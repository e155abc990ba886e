// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.PixelAttention;
import org.lvsa.toolkit.layers.PixelNorm;
import org.lvsa.toolkit.layers.Volume;

/**
 * The block at the lowest resolution: between two resnets, attention from each frame to itself and
 * all frames before it, whose keys and values the run keeps.
 */
record CausalMidBlock(
    Resnet first,
    PixelNorm norm,
    Conv3d query,
    Conv3d key,
    Conv3d value,
    Conv3d proj,
    Resnet second)
    implements AutoCloseable {

  /** Computes the block. The memory of {@code x} becomes the result's or is given back. */
  Volume apply(Run run, Volume x) {
    x = first.apply(run, x);
    for (int t = 0; t < x.frames(); t++) {
      attend(run, x.frames(t, 1));
    }
    return second.apply(run, x);
  }

  /** Adds what one frame attends to. */
  private void attend(Run run, Volume frame) {
    Volume normed = like(run, frame);
    norm.apply(frame, normed);
    Volume keys = like(run, frame);
    key.apply(normed, 0, keys, false);
    run.keys.add(keys);
    Volume values = like(run, frame);
    value.apply(normed, 0, values, false);
    run.values.add(values);
    Volume queries = like(run, frame);
    query.apply(normed, 0, queries, false);
    PixelAttention.attend(
        queries.matrix(),
        run.keys.stream().map(Volume::matrix).toList(),
        run.values.stream().map(Volume::matrix).toList(),
        normed.matrix());
    run.workspace.give(queries);
    proj.apply(normed, 0, frame, true);
    run.workspace.give(normed);
  }

  private static Volume like(Run run, Volume frame) {
    return run.workspace.take(frame.frames(), frame.height(), frame.width(), frame.channels());
  }

  @Override
  public void close() {
    first.close();
    query.close();
    key.close();
    value.close();
    proj.close();
    second.close();
  }
}
