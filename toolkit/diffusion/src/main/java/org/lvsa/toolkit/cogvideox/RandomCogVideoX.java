// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cogvideox;

import java.util.List;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.RandomSizes;
import org.lvsa.toolkit.schedulers.CogVideoXSchedulerConfig;
import org.lvsa.toolkit.vae.CogVideoXVaeConfig;

/**
 * A CogVideoX model of published sizes, or of a part of them, for random weights: it runs like the
 * real one and shows noise.
 *
 * @param sizes the published model, and how much of it is there
 */
record RandomCogVideoX(RandomSizes sizes) {
  private static final String WITHOUT_ROTARY = "cogvideox-2b";
  private static final int LATENT_CHANNELS = 16;
  private static final int TEXT_TOKENS = 226;
  private static final int TIME_WIDTH = 512;

  /** Latent rows, and columns, that CogVideoX 1.5 has positions for. */
  private static final int TEMPORAL_SAMPLE = 300;

  /** Names of the models. */
  static List<String> names() {
    return List.of(WITHOUT_ROTARY, "cogvideox-5b", "cogvideox1.5-5b");
  }

  private ModelGeometry geometry() {
    return Models.named(sizes.name());
  }

  /** A resolution that suits the scale: for the full one the model's own. */
  Resolution resolution() {
    return sizes
        .scale()
        .choose(
            new Resolution(144, 96),
            new Resolution(368, 240),
            Resolution.parse(geometry().resolutions().getFirst()));
  }

  private int textWidth() {
    return sizes.scale().choose(256, 1024, 4096);
  }

  /** Sizes of the transformer. */
  CogVideoXConfig transformer() {
    ModelGeometry geometry = geometry();
    boolean temporal = geometry.temporalPatch() > 1;
    Resolution resolution = resolution();
    int factor = geometry.spatialFactor();
    return new CogVideoXConfig(
        sizes.layersOf(geometry.layers()),
        sizes.headsOf(geometry.heads()),
        geometry.headDim(),
        TIME_WIDTH,
        new CogVideoXConfig.Text(textWidth(), TEXT_TOKENS),
        new CogVideoXConfig.Channels(LATENT_CHANNELS, LATENT_CHANNELS),
        new CogVideoXConfig.Patch(geometry.temporalPatch(), geometry.patch(), temporal),
        new CogVideoXConfig.Sample(
            geometry.videoFrames(geometry.referenceFrames()),
            temporal ? TEMPORAL_SAMPLE : resolution.height() / factor,
            temporal ? TEMPORAL_SAMPLE : resolution.width() / factor,
            geometry.temporalFactor()),
        sizes.name().equals(WITHOUT_ROTARY)
            ? new CogVideoXConfig.Positions.Sines(1.875, 1)
            : new CogVideoXConfig.Positions.Rotary(),
        new CogVideoXConfig.Biases(true, true),
        1e-5);
  }

  /** Shape of the VAE. */
  CogVideoXVaeConfig vae() {
    int base =
        switch (sizes.scale()) {
          case SMALL -> 8;
          case MEDIUM -> 32;
          case FULL -> 128;
        };
    Resolution resolution = resolution();
    return new CogVideoXVaeConfig(
        List.of(base, 2 * base, 2 * base, 4 * base),
        3,
        base / 4,
        2,
        LATENT_CHANNELS,
        0.7,
        1e-6,
        resolution.height(),
        resolution.width());
  }

  /** The published scheduler: DDIM for the smallest model, DPM for the others. */
  CogVideoXSchedulerConfig scheduler() {
    boolean ddim = sizes.name().equals(WITHOUT_ROTARY);
    return new CogVideoXSchedulerConfig(
        ddim ? CogVideoXSchedulerConfig.Kind.DDIM : CogVideoXSchedulerConfig.Kind.DPM,
        1000,
        0.00085,
        0.012,
        true,
        ddim ? 3 : 1,
        true,
        true);
  }

  @Override
  public String toString() {
    CogVideoXConfig config = transformer();
    return sizes.describe(config.layers(), config.heads(), config.headDim());
  }
}
