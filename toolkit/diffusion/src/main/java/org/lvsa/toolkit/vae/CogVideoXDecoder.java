// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;
import org.lvsa.toolkit.layers.ReplicatePadding.RowChange;
import org.lvsa.toolkit.layers.Volume;

/**
 * From latent frames to frames, a stretch of latent frames at a time.
 *
 * @param slots number of causal convolutions
 */
record CogVideoXDecoder(
    CausalConv convIn,
    List<ChunkResnet> mid,
    List<Up> levels,
    ChunkNorm normOut,
    CausalConv convOut,
    int slots)
    implements StretchDecoder {

  /**
   * The blocks of one resolution.
   *
   * @param upsample leads to the next resolution; null at the last
   */
  record Up(List<ChunkResnet> resnets, ChunkUpsample upsample) {}

  @Override
  public Volume decode(Run run, Volume latents) {
    Volume start =
        run.workspace.take(
            latents.frames(), latents.height(), latents.width(), convIn.outChannels());
    convIn.apply(run, convIn.input(run, latents, RowChange.NONE), start, false);
    run.observe("conv_in", start);
    run.observe("mid.res0.norm1", () -> normed(run, mid.getFirst().norm1(), start, latents));
    Volume x = start;
    for (ChunkResnet resnet : mid) {
      x = resnet.apply(run, x, latents);
    }
    run.observe("mid", x);
    for (int level = 0; level < levels.size(); level++) {
      for (ChunkResnet resnet : levels.get(level).resnets()) {
        x = resnet.apply(run, x, latents);
      }
      if (levels.get(level).upsample() != null) {
        x = levels.get(level).upsample().apply(run, x);
      }
      run.observe("up" + level, x);
      // The next level's volumes have other sizes.
      run.workspace.trim();
    }
    Volume out = run.workspace.take(x.frames(), x.height(), x.width(), convOut.outChannels());
    ChunkResnet.convolve(run, normOut, convOut, x, latents, out, false);
    run.workspace.give(x);
    run.workspace.give(latents);
    run.observe("out", out);
    run.next();
    return out;
  }

  private static Volume normed(Run run, ChunkNorm norm, Volume x, Volume latents) {
    Volume normed = run.workspace.take(x.frames(), x.height(), x.width(), x.channels());
    try (ChunkNorm.OfStretch ofStretch = norm.of(run, x, latents)) {
      ofStretch.apply(0, x, normed);
    }
    return normed;
  }

  @Override
  public void close() {
    convIn.close();
    mid.forEach(ChunkResnet::close);
    for (Up level : levels) {
      level.resnets().forEach(ChunkResnet::close);
      if (level.upsample() != null) {
        level.upsample().close();
      }
    }
    normOut.close();
    convOut.close();
  }
}
