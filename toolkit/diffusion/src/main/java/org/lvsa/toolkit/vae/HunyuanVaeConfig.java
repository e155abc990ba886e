// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * The shape of HunyuanVideo 1.5's video autoencoder, as {@code vae/config.json} has it.
 *
 * @param channels of each resolution of the encoder, highest resolution first; the decoder has the
 *     same in the other order
 * @param resnets residual blocks of each resolution of the encoder; the decoder has one more
 * @param spatialFactor pixels of a frame's row for each of a latent's, a power of two
 * @param temporalFactor frames for each latent frame but the first, a power of two
 * @param latentChannels channels of the latents
 * @param scale the encoder's latents times this are those of a diffusion model
 * @param matchDown whether a step to a lower resolution gives the next one's channels, and not its
 *     own
 * @param matchUp the same for steps to a higher resolution
 */
public record HunyuanVaeConfig(
    List<Integer> channels,
    int resnets,
    int spatialFactor,
    int temporalFactor,
    int latentChannels,
    double scale,
    boolean matchDown,
    boolean matchUp) {
  /** The class that this is the configuration of, as published folders name it. */
  public static final String CLASS = "AutoencoderKLHunyuanVideo15";

  /** Colours of a frame. */
  static final int COLOURS = 3;

  private static final String CHANNELS = "block_out_channels";

  /**
   * Reads a folder's configuration.
   *
   * @param folder the autoencoder's folder, which holds {@code config.json}
   * @throws MalformedFileException if it is missing or malformed, of another class, or has a
   *     setting that is not supported; the message says what is
   */
  public static HunyuanVaeConfig read(Path folder) {
    ComponentConfig config = ComponentConfig.read(folder);
    config.requirePresent("_class_name", CLASS);
    config.require("in_channels", COLOURS);
    config.require("out_channels", COLOURS);
    List<Integer> channels =
        config.has(CHANNELS) ? config.sizes(CHANNELS) : List.of(128, 256, 512, 1024, 1024);
    HunyuanVaeConfig read =
        new HunyuanVaeConfig(
            channels,
            config.size("layers_per_block", 2),
            power(config, "spatial_compression_ratio", 16),
            power(config, "temporal_compression_ratio", 4),
            config.size("latent_channels", 32),
            config.positive("scaling_factor", 1.03682),
            config.flag("downsample_match_channel", true),
            config.flag("upsample_match_channel", true));
    if (read.temporalFactor > read.spatialFactor) {
      throw config.wrong(
          "temporal_compression_ratio", "at most spatial_compression_ratio, " + read.spatialFactor);
    }
    if (channels.size() <= read.spatialSteps()) {
      throw config.wrong(
          CHANNELS,
          "more than "
              + read.spatialSteps()
              + " whole numbers, for spatial_compression_ratio "
              + read.spatialFactor);
    }
    if (!read.fitsTogether()) {
      throw config.wrong(
          CHANNELS,
          "whole numbers of which those before and behind a change of resolution divide by the"
              + " pixels that become one, and the last by twice latent_channels");
    }
    config.finish();
    return read;
  }

  private static int power(ComponentConfig config, String key, int otherwise) {
    int value = config.size(key, otherwise);
    if (Integer.bitCount(value) != 1) {
      throw config.wrong(key, "a power of two");
    }
    return value;
  }

  /** Changes of resolution that halve rows and pixels. */
  int spatialSteps() {
    return Integer.numberOfTrailingZeros(spatialFactor);
  }

  /**
   * One resolution of the encoder or the decoder.
   *
   * @param in channels that come in
   * @param channels inside
   * @param steppedTo channels after the change of resolution; 0 where there is none
   * @param times frames that one becomes in the change of resolution, or that become one: 1 or 2
   */
  record Level(int in, int channels, int steppedTo, int times) {
    /** Pixels that become one, or that one becomes. */
    int pieces() {
      return 4 * times;
    }

    /** Channels after the level. */
    int out() {
      return steppedTo == 0 ? channels : steppedTo;
    }
  }

  /** The encoder's resolutions, highest first: the last steps halve the frames too. */
  List<Level> down() {
    int steps = spatialSteps();
    return levels(
        channels, matchDown, steps - Integer.numberOfTrailingZeros(temporalFactor), steps);
  }

  /** The decoder's resolutions, lowest first: the first steps double the frames too. */
  List<Level> up() {
    return levels(channels.reversed(), matchUp, 0, Integer.numberOfTrailingZeros(temporalFactor));
  }

  private List<Level> levels(List<Integer> sizes, boolean match, int firstTimed, int endTimed) {
    List<Level> levels = new ArrayList<>();
    int in = sizes.getFirst();
    for (int level = 0; level < sizes.size(); level++) {
      int stepped = level >= spatialSteps() ? 0 : match ? sizes.get(level + 1) : sizes.get(level);
      boolean timed = level >= firstTimed && level < endTimed;
      levels.add(new Level(in, sizes.get(level), stepped, timed ? 2 : 1));
      in = levels.getLast().out();
    }
    return levels;
  }

  private boolean fitsTogether() {
    boolean fits =
        channels.getLast() % latentChannels == 0 && channels.getLast() % (2 * latentChannels) == 0;
    for (Level level : down()) {
      int stepped = level.steppedTo();
      fits &=
          stepped == 0
              || stepped % level.pieces() == 0 && level.channels() * level.pieces() % stepped == 0;
      // The first frame, alone, has half the pixels.
      fits &= stepped == 0 || level.channels() * 4 % stepped == 0;
    }
    for (Level level : up()) {
      int piece = level.channels() / level.pieces();
      fits &=
          level.steppedTo() == 0
              || level.channels() % level.pieces() == 0
                  && level.steppedTo() % piece == 0
                  && level.steppedTo() % (level.channels() / 4) == 0;
    }
    return fits;
  }

  /** Frames that so many latent frames stand for. */
  public int frames(int latentFrames) {
    return (latentFrames - 1) * temporalFactor + 1;
  }

  /** Latent frames of so many frames; a rest that fills no latent frame does not count. */
  public int latentFrames(int frames) {
    return (frames - 1) / temporalFactor + 1;
  }
}
