// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;
import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.PixelNorm;
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
    implements AutoCloseable {

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

  /**
   * Encodes the next frames.
   *
   * @param frames frames of the run's workspace, which are given back
   * @return the moments of one latent frame, of the run's workspace, to give back
   */
  Volume encode(Run run, Volume frames) {
    Volume x =
        run.workspace.take(frames.frames(), frames.height(), frames.width(), convIn.outChannels());
    convIn.applyToCopy(run, frames, x);
    run.workspace.give(frames);
    run.observe("conv_in", x);
    for (int block = 0; block < blocks.size(); block++) {
      x = blocks.get(block).apply(run, x);
      run.observe("down" + block, x);
    }
    x = mid.apply(run, x);
    run.observe("mid", x);
    Volume input = convOut.input(run, x.frames(), x.height(), x.width());
    normOut.applyWithSilu(x, CausalConv.fresh(input, x.frames()));
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
