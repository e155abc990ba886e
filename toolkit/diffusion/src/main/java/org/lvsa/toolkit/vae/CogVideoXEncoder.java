// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;
import org.lvsa.toolkit.layers.ReplicatePadding.RowChange;
import org.lvsa.toolkit.layers.Volume;

/**
 * From frames to the moments of latent frames, a stretch of frames at a time.
 *
 * @param slots number of causal convolutions
 */
record CogVideoXEncoder(
    CausalConv convIn,
    List<Down> levels,
    List<ChunkResnet> mid,
    ChunkNorm normOut,
    CausalConv convOut,
    int slots)
    implements StretchEncoder {

  /**
   * The blocks of one resolution.
   *
   * @param downsample leads to the next resolution; null at the last
   */
  record Down(List<ChunkResnet> resnets, ChunkDownsample downsample) {}

  @Override
  public Volume encode(Run run, Volume frames) {
    Volume x =
        run.workspace.take(frames.frames(), frames.height(), frames.width(), convIn.outChannels());
    convIn.apply(run, convIn.input(run, frames, RowChange.NONE), x, false);
    run.workspace.give(frames);
    run.observe("conv_in", x);
    for (int level = 0; level < levels.size(); level++) {
      for (ChunkResnet resnet : levels.get(level).resnets()) {
        x = resnet.apply(run, x, null);
      }
      if (levels.get(level).downsample() != null) {
        x = levels.get(level).downsample().apply(run, x);
      }
      run.observe("down" + level, x);
      run.workspace.trim();
    }
    for (ChunkResnet resnet : mid) {
      x = resnet.apply(run, x, null);
    }
    run.observe("mid", x);
    Volume out = run.workspace.take(x.frames(), x.height(), x.width(), convOut.outChannels());
    ChunkResnet.convolve(run, normOut, convOut, x, null, out, false);
    run.workspace.give(x);
    run.observe("out", out);
    run.next();
    return out;
  }

  @Override
  public void close() {
    convIn.close();
    for (Down level : levels) {
      level.resnets().forEach(ChunkResnet::close);
      if (level.downsample() != null) {
        level.downsample().close();
      }
    }
    mid.forEach(ChunkResnet::close);
    normOut.close();
    convOut.close();
  }
}
