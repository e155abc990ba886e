// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.RandomSizes;
import org.lvsa.toolkit.schedulers.FlowSchedulerConfig;
import org.lvsa.toolkit.schedulers.UniPcConfig;
import org.lvsa.toolkit.vae.WanVaeConfig;

/**
 * A Wan text-to-video model of published sizes, or of a part of them, for random weights: it runs
 * like the real one and shows noise.
 *
 * @param sizes the published model, and how much of it is there
 */
record RandomWan(RandomSizes sizes) {
  /** Features of the feed-forward part ({@code ffn_dim}) of the published models. */
  private static final Map<String, Integer> FEED_FORWARD =
      Map.of("wan2.1-1.3b", 8960, "wan2.1-14b", 13824);

  private static final int LATENT_CHANNELS = 16;
  private static final int TIME_FEATURES = 256;
  private static final int POSITIONS = 1024;

  /** Names of the models. */
  static List<String> names() {
    return FEED_FORWARD.keySet().stream().sorted().toList();
  }

  private ModelGeometry geometry() {
    return Models.named(sizes.name());
  }

  /** A resolution that suits the scale: for the full one the model's smallest. */
  Resolution resolution() {
    return sizes
        .scale()
        .choose(new Resolution(160, 96), new Resolution(416, 240), new Resolution(832, 480));
  }

  private int textWidth() {
    return sizes.scale().choose(256, 1024, 4096);
  }

  private int vaeBase() {
    return sizes.scale().choose(8, 32, 96);
  }

  /** Sizes of the transformer. */
  WanConfig transformer() {
    ModelGeometry geometry = geometry();
    int heads = sizes.headsOf(geometry.heads());
    int feedForward = FEED_FORWARD.get(geometry.name()) * heads / geometry.heads();
    return new WanConfig(
        sizes.layersOf(geometry.layers()),
        heads,
        geometry.headDim(),
        feedForward,
        new WanConfig.Conditions(TIME_FEATURES, textWidth()),
        new WanConfig.Channels(LATENT_CHANNELS, LATENT_CHANNELS),
        new WanConfig.Patch(1, geometry.patch(), geometry.patch()),
        true,
        new WanConfig.Trained(POSITIONS),
        1e-6);
  }

  /** Shape of the VAE. */
  WanVaeConfig vae() {
    return new WanVaeConfig(
        vaeBase(),
        vaeBase(),
        List.of(1, 2, 4, 4),
        2,
        List.of(false, true, true),
        LATENT_CHANNELS,
        Collections.nCopies(LATENT_CHANNELS, 0.0),
        Collections.nCopies(LATENT_CHANNELS, 1.0));
  }

  /** The published scheduler for 480 rows. */
  FlowSchedulerConfig scheduler() {
    return new UniPcConfig(3, 1000, 2, UniPcConfig.SolverType.BH2, true, List.of(), true);
  }

  @Override
  public String toString() {
    WanConfig config = transformer();
    return sizes.describe(config.layers(), config.heads(), config.headDim());
  }
}
