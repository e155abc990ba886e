// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.lvsa.toolkit.weights.ComponentConfig;

/**
 * The shape of CogVideoX's autoencoder.
 *
 * @param channels features of each level of the encoder, from full resolution down; the decoder
 *     goes the other way
 * @param resnets residual blocks of a level of the encoder; a level of the decoder has one more
 * @param groups of channels that the norms take together
 * @param temporalLevels how many times the number of frames is halved
 * @param latentChannels numbers of a latent pixel
 * @param scalingFactor what a diffusion model's latents are the encoder's times
 * @param normEps added to the variance in the encoder's residual blocks
 * @param sampleHeight rows of the frames that it was made for, of which a tile has half
 * @param sampleWidth pixels of their rows, likewise
 */
public record CogVideoXVaeConfig(
    List<Integer> channels,
    int resnets,
    int groups,
    int temporalLevels,
    int latentChannels,
    double scalingFactor,
    double normEps,
    int sampleHeight,
    int sampleWidth) {
  /** Red, green and blue. */
  static final int COLOURS = 3;

  /** What the other norms add to the variance; no setting changes it. */
  static final double EPS = 1e-6;

  /** Latent frames that are decoded at a time; the first stretch has one more where one is over. */
  private static final int STRETCH = 2;

  /** The list is copied. */
  public CogVideoXVaeConfig {
    channels = List.copyOf(channels);
  }

  /**
   * Reads a component's {@code config.json}.
   *
   * @throws org.lvsa.toolkit.io.MalformedFileException naming what is missing or not supported
   */
  public static CogVideoXVaeConfig read(Path folder) {
    ComponentConfig config = ComponentConfig.read(folder);
    config.require("_class_name", "AutoencoderKLCogVideoX");
    config.require("act_fn", "silu");
    config.require("in_channels", COLOURS);
    config.require("out_channels", COLOURS);
    config.require("shift_factor", (Object) null);
    config.require("latents_mean", (Object) null);
    config.require("latents_std", (Object) null);
    config.require("use_quant_conv", false);
    config.require("use_post_quant_conv", false);
    // How pictures are encoded for image to video, in which precision training ran.
    config.withoutEffect("invert_scale_latents", "force_upcast");
    List<Integer> channels =
        config.has("block_out_channels")
            ? config.sizes("block_out_channels")
            : List.of(128, 256, 256, 512);
    requireBlocks(config, "down_block_types", "CogVideoXDownBlock3D", channels.size());
    requireBlocks(config, "up_block_types", "CogVideoXUpBlock3D", channels.size());
    int groups = config.size("norm_num_groups", 32);
    if (channels.isEmpty() || channels.stream().anyMatch(c -> c % groups != 0)) {
      throw config.wrong("block_out_channels", "multiples of norm_num_groups, " + groups);
    }
    int temporal = (int) Math.round(config.positive("temporal_compression_ratio", 4));
    if (Integer.bitCount(temporal) != 1
        || Integer.numberOfTrailingZeros(temporal) >= channels.size()) {
      throw config.wrong(
          "temporal_compression_ratio",
          "a power of two of at most " + (1 << (channels.size() - 1)));
    }
    CogVideoXVaeConfig read =
        new CogVideoXVaeConfig(
            channels,
            config.size("layers_per_block", 3),
            groups,
            Integer.numberOfTrailingZeros(temporal),
            config.size("latent_channels", 16),
            config.positive("scaling_factor", 1.15258426),
            config.positive("norm_eps", EPS),
            config.size("sample_height", 480),
            config.size("sample_width", 720));
    config.finish();
    return read;
  }

  private static void requireBlocks(ComponentConfig config, String key, String block, int levels) {
    if (!config.has(key)) {
      return;
    }
    List<String> blocks = config.texts(key);
    if (blocks.size() != levels || blocks.stream().anyMatch(name -> !name.equals(block))) {
      throw config.wrong(key, levels + " times " + block + ", one for each of block_out_channels");
    }
  }

  /** Pixels of a frame's row for each of a latent's. */
  public int spatialFactor() {
    return 1 << (channels.size() - 1);
  }

  /** Frames for each latent frame but the first, which is one frame. */
  public int temporalFactor() {
    return 1 << temporalLevels;
  }

  /** Latent frames of so many frames; a rest that fills no latent frame does not count. */
  public int latentFrames(int frames) {
    return (frames - 1) / temporalFactor() + 1;
  }

  /**
   * Frames that are decoded from so many latent frames. An even number of latent frames gives as
   * many frames for the first one as for the others: so the published decoder does it.
   */
  public int frames(int latentFrames) {
    return stretches(latentFrames).stream().mapToInt(this::framesOfStretch).sum();
  }

  /** Frames that one stretch becomes: the first frame of an odd number stays one. */
  private int framesOfStretch(int latentFrames) {
    int frames = latentFrames;
    for (int level = 0; level < temporalLevels; level++) {
      frames = frames % 2 == 1 ? 2 * frames - 1 : 2 * frames;
    }
    return frames;
  }

  /** How many latent frames are decoded at a time, in order. */
  static List<Integer> stretches(int latentFrames) {
    return stretches(latentFrames, STRETCH);
  }

  /** How many frames are encoded at a time, in order. */
  List<Integer> stretchesToEncode(int frames) {
    return stretches(frames, STRETCH * temporalFactor());
  }

  /** Stretches of one length, the first one with what is over. */
  private static List<Integer> stretches(int frames, int length) {
    int count = Math.max(frames / length, 1);
    int first = frames - (count - 1) * length;
    return IntStream.range(0, count).mapToObj(i -> i == 0 ? first : length).toList();
  }

  /** The published tiles: half of the frames' sizes, a sixth and a fifth of which overlap. */
  public Tiling tiling() {
    return tiling(sampleHeight / 2, sampleWidth / 2, 1 / 6.0, 1 / 5.0, spatialFactor());
  }

  /**
   * Tiles by the share that overlaps, rounded to latent pixels.
   *
   * @param rowsShared share of a tile's rows
   * @param columnsShared share of the pixels of a row
   */
  static Tiling tiling(int height, int width, double rowsShared, double columnsShared, int factor) {
    int rows = height / factor;
    int columns = width / factor;
    return new Tiling(
        rows * factor,
        columns * factor,
        (int) (rows * (1 - rowsShared)) * factor,
        (int) (columns * (1 - columnsShared)) * factor);
  }
}
