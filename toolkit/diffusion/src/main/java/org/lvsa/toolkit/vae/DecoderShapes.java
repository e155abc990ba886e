// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.decoder.CogVideoXDecoderShape;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.HunyuanDecoderShape;
import org.lvsa.kernels.decoder.WanDecoderShape;

/** The decoders of autoencoders as devices know them. */
final class DecoderShapes {
  private DecoderShapes() {}

  /** Wan's. */
  static DecoderShape of(WanVaeConfig config) {
    List<Integer> multiples = config.dimMultiples().reversed();
    List<Boolean> temporal = config.temporalDownsample().reversed();
    List<WanDecoderShape.Level> levels = new ArrayList<>();
    for (int level = 0; level < multiples.size(); level++) {
      int channels = config.decoderBaseDim() * multiples.get(level);
      Optional<WanDecoderShape.Up> up = Optional.empty();
      if (level < multiples.size() - 1) {
        up =
            Optional.of(
                new WanDecoderShape.Up(
                    config.residual() ? channels : channels / 2,
                    temporal.get(level),
                    config.residual()));
      }
      levels.add(new WanDecoderShape.Level(channels, config.resnets() + 1, up));
    }
    return new WanDecoderShape(
        config.latentChannels(),
        config.decoderBaseDim() * multiples.getFirst(),
        levels,
        config.patchChannels());
  }

  /** HunyuanVideo 1.5's. */
  static DecoderShape of(HunyuanVaeConfig config) {
    List<HunyuanDecoderShape.Level> levels = new ArrayList<>();
    for (HunyuanVaeConfig.Level level : config.up()) {
      Optional<HunyuanDecoderShape.Up> up =
          level.steppedTo() == 0
              ? Optional.empty()
              : Optional.of(new HunyuanDecoderShape.Up(level.steppedTo(), level.times() == 2));
      levels.add(new HunyuanDecoderShape.Level(level.channels(), config.resnets() + 1, up));
    }
    return new HunyuanDecoderShape(
        config.latentChannels(), config.channels().getLast(), levels, HunyuanVaeConfig.COLOURS);
  }

  /** CogVideoX's. */
  static DecoderShape of(CogVideoXVaeConfig config) {
    List<Integer> channels = config.channels().reversed();
    List<CogVideoXDecoderShape.Level> levels = new ArrayList<>();
    for (int level = 0; level < channels.size(); level++) {
      levels.add(
          new CogVideoXDecoderShape.Level(
              channels.get(level), config.resnets() + 1, level < config.temporalLevels()));
    }
    return new CogVideoXDecoderShape(
        config.latentChannels(), config.groups(), levels, CogVideoXVaeConfig.COLOURS);
  }
}
