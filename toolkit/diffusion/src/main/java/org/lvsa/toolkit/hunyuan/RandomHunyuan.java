// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.hunyuan;

import java.util.List;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.pipeline.Guider;
import org.lvsa.toolkit.pipeline.RandomSizes;
import org.lvsa.toolkit.schedulers.FlowMatchEulerConfig;
import org.lvsa.toolkit.vae.HunyuanVaeConfig;

/**
 * HunyuanVideo 1.5 in its published sizes, or a part of them, for random weights: it runs like the
 * real one and shows noise.
 *
 * @param sizes how much of the published model is there
 */
record RandomHunyuan(RandomSizes sizes) {
  /** The model's name. */
  static final String NAME = "hunyuanvideo-1.5";

  private static final int LATENT_CHANNELS = 32;
  private static final int REFINER_LAYERS = 2;
  private static final double GUIDANCE_SCALE = 6;

  private static ModelGeometry geometry() {
    return Models.named(NAME);
  }

  /** A third, or a small part, of a published size. */
  private int part(int small, int published) {
    return sizes.scale().choose(small, published / 4, published);
  }

  /** The side of a square of the video's area, where no size is asked for. */
  int targetSize() {
    return sizes.scale().choose(128, 320, 640);
  }

  /** Sizes of the transformer. */
  HunyuanConfig transformer() {
    ModelGeometry geometry = geometry();
    int heads = sizes.headsOf(geometry.heads());
    return new HunyuanConfig(
        sizes.layersOf(geometry.layers()),
        heads,
        geometry.headDim(),
        4 * heads * geometry.headDim(),
        REFINER_LAYERS,
        new HunyuanConfig.Texts(
            part(256, 3584), part(92, 1472), part(128, HunyuanConfig.GLYPH_HIDDEN), part(72, 1152)),
        new HunyuanConfig.Channels(2 * LATENT_CHANNELS + 1, LATENT_CHANNELS),
        new HunyuanConfig.Patch(geometry.temporalPatch(), geometry.patch()),
        new HunyuanConfig.Rotary(geometry.ropeAxes(), geometry.ropeTheta()),
        targetSize(),
        false);
  }

  /** Shape of the VAE. */
  HunyuanVaeConfig vae() {
    int base = part(16, 128);
    int deepest = Math.max(8 * base, 2 * LATENT_CHANNELS);
    return new HunyuanVaeConfig(
        List.of(base, 2 * base, 4 * base, deepest, deepest),
        2,
        geometry().spatialFactor(),
        geometry().temporalFactor(),
        LATENT_CHANNELS,
        1.03682,
        true,
        true);
  }

  /** The published scheduler for 480 rows. */
  FlowMatchEulerConfig scheduler() {
    return new FlowMatchEulerConfig(5, 1000);
  }

  /** The published guidance. */
  GuiderFile guider() {
    return new GuiderFile(GUIDANCE_SCALE, Guider.PLAIN);
  }

  @Override
  public String toString() {
    HunyuanConfig config = transformer();
    return sizes.describe(config.layers(), config.heads(), config.headDim());
  }
}
