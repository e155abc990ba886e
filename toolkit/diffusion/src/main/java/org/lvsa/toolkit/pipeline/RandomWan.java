// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.model.ModelGeometry;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.schedulers.SchedulerConfig;
import org.lvsa.toolkit.schedulers.UniPcConfig;
import org.lvsa.toolkit.vae.WanVaeConfig;
import org.lvsa.toolkit.wan.WanConfig;

/**
 * A Wan text-to-video model of published sizes, or of a part of them, for random weights: it runs
 * like the real one and shows noise.
 *
 * @param geometry of the published model
 * @param scale how much of its width is there
 * @param layers blocks; empty for as many as the scale has
 */
public record RandomWan(ModelGeometry geometry, Scale scale, OptionalInt layers) {
  /** Features of the feed-forward part ({@code ffn_dim}) of the published models. */
  private static final Map<String, Integer> FEED_FORWARD =
      Map.of("wan2.1-1.3b", 8960, "wan2.1-14b", 13824);

  private static final int LATENT_CHANNELS = 16;
  private static final int TIME_FEATURES = 256;
  private static final int POSITIONS = 1024;

  /** How much of a model's width is there. */
  public enum Scale {
    /** Two heads, two blocks. */
    SMALL(256, 8, new Resolution(160, 96)),
    /** A third of the heads and of the blocks. */
    MEDIUM(1024, 32, new Resolution(416, 240)),
    /** The model's own sizes. */
    FULL(4096, 96, new Resolution(832, 480));

    private final int textWidth;
    private final int vaeBase;
    private final Resolution resolution;

    Scale(int textWidth, int vaeBase, Resolution resolution) {
      this.textWidth = textWidth;
      this.vaeBase = vaeBase;
      this.resolution = resolution;
    }
  }

  /** At least one block. */
  public RandomWan {
    layers.ifPresent(
        count -> {
          if (count < 1) {
            throw new IllegalArgumentException("layers must be at least 1, got " + count);
          }
        });
  }

  /**
   * The model of that name.
   *
   * @throws IllegalArgumentException listing the names there are
   */
  public static RandomWan named(String name, Scale scale, OptionalInt layers) {
    List<String> known = FEED_FORWARD.keySet().stream().sorted().toList();
    if (!known.contains(name)) {
      throw new IllegalArgumentException(
          Messages.unknown("model with random weights", name, known));
    }
    return new RandomWan(Models.named(name), scale, layers);
  }

  /** A resolution that suits the scale: for the full one the model's smallest. */
  public Resolution resolution() {
    return scale.resolution;
  }

  /** Sizes of the transformer. */
  WanConfig transformer() {
    int heads =
        switch (scale) {
          case SMALL -> 2;
          case MEDIUM -> Math.ceilDiv(geometry.heads(), 3);
          case FULL -> geometry.heads();
        };
    int blocks =
        switch (scale) {
          case SMALL -> 2;
          case MEDIUM -> Math.ceilDiv(geometry.layers(), 3);
          case FULL -> geometry.layers();
        };
    int feedForward = FEED_FORWARD.get(geometry.name()) * heads / geometry.heads();
    return new WanConfig(
        layers.orElse(blocks),
        heads,
        geometry.headDim(),
        feedForward,
        new WanConfig.Conditions(TIME_FEATURES, scale.textWidth),
        new WanConfig.Channels(LATENT_CHANNELS, LATENT_CHANNELS),
        new WanConfig.Patch(1, geometry.patch(), geometry.patch()),
        true,
        POSITIONS,
        1e-6);
  }

  /** Shape of the VAE. */
  WanVaeConfig vae() {
    return new WanVaeConfig(
        scale.vaeBase,
        scale.vaeBase,
        List.of(1, 2, 4, 4),
        2,
        List.of(false, true, true),
        LATENT_CHANNELS,
        Collections.nCopies(LATENT_CHANNELS, 0.0),
        Collections.nCopies(LATENT_CHANNELS, 1.0));
  }

  /** The published scheduler for 480 rows. */
  SchedulerConfig scheduler() {
    return new UniPcConfig(3, 1000, 2, UniPcConfig.SolverType.BH2, true, List.of(), true);
  }

  @Override
  public String toString() {
    WanConfig config = transformer();
    return geometry.title()
        + " with random weights, "
        + config.layers()
        + " blocks of "
        + config.heads()
        + " heads of "
        + config.headDim();
  }
}
