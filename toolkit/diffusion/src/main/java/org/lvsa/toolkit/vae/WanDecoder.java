// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;
import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.PixelNorm;
import org.lvsa.toolkit.layers.ReplicatePadding.RowChange;
import org.lvsa.toolkit.layers.Volume;

/**
 * From latent frames to frames, one latent frame at a time.
 *
 * @param slots number of causal convolutions
 */
record WanDecoder(
    Conv3d postQuant,
    CausalConv convIn,
    MidBlock mid,
    List<Up> blocks,
    PixelNorm normOut,
    CausalConv convOut,
    int slots)
    implements StretchDecoder {

  /**
   * The blocks of one resolution.
   *
   * @param upsample leads to the next resolution; null at the last
   * @param shortcut leads around all of it and is added; null where there is none
   */
  record Up(List<Resnet> resnets, Upsample upsample, Shortcut shortcut) {
    Volume apply(Run run, String name, Volume x) {
      Volume before = null;
      if (shortcut != null) {
        before = run.workspace.take(x.frames(), x.height(), x.width(), x.channels());
        before.copyFrom(x);
      }
      for (Resnet resnet : resnets) {
        x = resnet.apply(run, x);
      }
      if (upsample != null) {
        x = upsample.apply(run, name, x);
      }
      if (shortcut != null) {
        shortcut.addRepeated(before, x);
        run.workspace.give(before);
      }
      return x;
    }
  }

  @Override
  public Volume decode(Run run, Volume latent) {
    Volume z = run.workspace.take(1, latent.height(), latent.width(), latent.channels());
    postQuant.apply(latent, 0, z, false);
    run.workspace.give(latent);
    run.observe("post_quant", z);
    Volume x = run.workspace.take(1, z.height(), z.width(), convIn.outChannels());
    convIn.apply(run, convIn.input(run, z, RowChange.NONE), x, false);
    run.workspace.give(z);
    run.observe("conv_in", x);
    x = mid.apply(run, x);
    run.observe("mid", x);
    for (int level = 0; level < blocks.size(); level++) {
      String name = "up" + level;
      x = blocks.get(level).apply(run, name, x);
      run.observe(name, x);
    }
    Volume last = x;
    run.observe("norm_out", () -> normed(run, last));
    Volume input = convOut.input(run, x, normOut::applyWithSilu);
    Volume out = run.workspace.take(x.frames(), x.height(), x.width(), convOut.outChannels());
    run.workspace.give(x);
    convOut.apply(run, input, out, false);
    run.observe("out", out);
    run.next();
    return out;
  }

  private Volume normed(Run run, Volume x) {
    Volume normed = run.workspace.take(x.frames(), x.height(), x.width(), x.channels());
    normOut.apply(x, normed);
    return normed;
  }

  @Override
  public void close() {
    postQuant.close();
    convIn.close();
    mid.close();
    for (Up block : blocks) {
      block.resnets().forEach(Resnet::close);
      if (block.upsample() != null) {
        block.upsample().close();
      }
    }
    convOut.close();
  }
}
