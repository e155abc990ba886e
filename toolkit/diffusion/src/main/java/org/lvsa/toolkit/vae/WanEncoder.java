// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;
import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.PixelNorm;
import org.lvsa.toolkit.layers.ReplicatePadding.RowChange;
import org.lvsa.toolkit.layers.Volume;

/**
 * From frames to the moments of latent frames: the first frame alone, then as many frames at a time
 * as one latent frame stands for.
 *
 * @param slots number of layers that keep earlier frames
 */
record WanEncoder(
    WanVaeConfig config,
    CausalConv convIn,
    List<Down> blocks,
    MidBlock mid,
    PixelNorm normOut,
    CausalConv convOut,
    Conv3d quant,
    int slots)
    implements StretchEncoder {

  /**
   * A part of the way down.
   *
   * @param resnets come first
   * @param downsample leads to the next resolution; null where there is no such step
   * @param shortcut leads around both and is added; null where there is none
   */
  record Down(List<Resnet> resnets, Downsample downsample, Shortcut shortcut) {
    Volume apply(Run run, Volume x) {
      Volume around =
          shortcut == null ? null : shortcut.averaged(run, x, resnets.getLast().outChannels());
      for (Resnet resnet : resnets) {
        x = resnet.apply(run, x);
      }
      if (downsample != null) {
        x = downsample.apply(run, x);
      }
      if (around != null) {
        x.add(around);
        run.workspace.give(around);
      }
      return x;
    }
  }

  @Override
  public Volume encode(Run run, Volume pixels) {
    Volume frames = patches(run, pixels);
    Volume x =
        run.workspace.take(frames.frames(), frames.height(), frames.width(), convIn.outChannels());
    convIn.apply(run, convIn.input(run, frames, RowChange.NONE), x, false);
    run.workspace.give(frames);
    run.observe("conv_in", x);
    for (int block = 0; block < blocks.size(); block++) {
      x = blocks.get(block).apply(run, x);
      run.observe("down" + block, x);
    }
    x = mid.apply(run, x);
    run.observe("mid", x);
    Volume input = convOut.input(run, x, normOut::applyWithSilu);
    Volume out = run.workspace.take(x.frames(), x.height(), x.width(), convOut.outChannels());
    run.workspace.give(x);
    convOut.apply(run, input, out, false);
    run.observe("out", out);
    Volume moments = run.workspace.take(out.frames(), out.height(), out.width(), out.channels());
    quant.apply(out, 0, moments, false);
    run.workspace.give(out);
    run.next();
    return moments;
  }

  /** Frames as the first layer takes them; the memory is the result's or given back. */
  private Volume patches(Run run, Volume frames) {
    int patch = config.patch();
    if (patch == 1) {
      return frames;
    }
    Volume patches =
        run.workspace.take(
            frames.frames(),
            frames.height() / patch,
            frames.width() / patch,
            config.patchChannels());
    PixelPatches.gather(frames, patch, patches);
    run.workspace.give(frames);
    run.observe("patchified", patches);
    return patches;
  }

  @Override
  public void close() {
    convIn.close();
    for (Down down : blocks) {
      down.resnets().forEach(Resnet::close);
      if (down.downsample() != null) {
        down.downsample().close();
      }
    }
    mid.close();
    convOut.close();
    quant.close();
  }
}
