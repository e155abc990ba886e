// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.Optional;
import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.GroupNorm;
import org.lvsa.toolkit.layers.Volume;

/**
 * The norm of CogVideoX's autoencoder: a group norm over all frames of a stretch. In the decoder,
 * factors and terms that are computed from the latents follow (Zheng et al., "MoVQ: Modulating
 * Quantized Vectors for High-Fidelity Image Generation", 2022).
 *
 * @param norm over the stretch
 * @param factors from latents; null in the encoder
 * @param terms from latents; null in the encoder
 */
record ChunkNorm(GroupNorm norm, Conv3d factors, Conv3d terms) implements AutoCloseable {

  /** The norm of one stretch, ready to be applied to some of its frames at a time. */
  final class OfStretch implements AutoCloseable {
    private final Run run;
    private final GroupNorm.Statistics statistics;
    private final Optional<GroupNorm.Modulation> modulation;

    private OfStretch(
        Run run, GroupNorm.Statistics statistics, Optional<GroupNorm.Modulation> modulation) {
      this.run = run;
      this.statistics = statistics;
      this.modulation = modulation;
    }

    /** Writes the norm of frames; {@code first} is the first one's place in the stretch. */
    void apply(int first, Volume in, Volume out) {
      norm.apply(statistics, modulation, first, in, out);
    }

    /** As {@link #apply}, followed by {@code x / (1 + exp(−x))}. */
    void applyWithSilu(int first, Volume in, Volume out) {
      norm.applyWithSilu(statistics, modulation, first, in, out);
    }

    @Override
    public void close() {
      modulation.ifPresent(
          grid -> {
            run.workspace.give(grid.factors());
            run.workspace.give(grid.terms());
          });
    }
  }

  /**
   * Prepares the norm of a stretch.
   *
   * @param x the stretch
   * @param latents that it is decoded from; null in the encoder
   */
  OfStretch of(Run run, Volume x, Volume latents) {
    GroupNorm.Statistics statistics = norm.statistics(x);
    if (factors == null) {
      return new OfStretch(run, statistics, Optional.empty());
    }
    // Convolutions of single pixels: it does not matter whether latents are enlarged before them
    // or results after them.
    Volume factor =
        run.workspace.take(latents.frames(), latents.height(), latents.width(), x.channels());
    Volume term =
        run.workspace.take(latents.frames(), latents.height(), latents.width(), x.channels());
    factors.apply(latents, 0, factor, false);
    terms.apply(latents, 0, term, false);
    return new OfStretch(
        run,
        statistics,
        Optional.of(new GroupNorm.Modulation(factor, term, frameOf(x.frames(), latents.frames()))));
  }

  /**
   * Which latent frame serves each frame: the nearest before it. Of an odd number from 3 the first
   * frame is served by the first latent frame alone.
   */
  static int[] frameOf(int frames, int latentFrames) {
    int alone = frames > 1 && frames % 2 == 1 ? 1 : 0;
    int[] served = new int[frames];
    for (int frame = alone; frame < frames; frame++) {
      served[frame] = alone + (frame - alone) * (latentFrames - alone) / (frames - alone);
    }
    return served;
  }

  @Override
  public void close() {
    if (factors != null) {
      factors.close();
      terms.close();
    }
  }
}
