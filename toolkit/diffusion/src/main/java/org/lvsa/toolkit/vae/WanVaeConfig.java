// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.nio.file.Path;
import java.util.List;
import org.lvsa.toolkit.component.ComponentConfig;
import org.lvsa.toolkit.io.MalformedFileException;

/**
 * The shape of Wan's video autoencoder, as {@code vae/config.json} has it.
 *
 * @param baseDim channels of the encoder's highest resolution, before the multiples
 * @param decoderBaseDim the decoder's
 * @param dimMultiples channels of each resolution in units of the base, highest resolution first
 * @param resnets residual blocks of each resolution of the encoder; the decoder has one more
 * @param temporalDownsample for each step to a lower resolution, whether it halves the frames too
 * @param latentChannels channels of the latents
 * @param latentsMean mean of each latent channel in training
 * @param latentsStd standard deviation of each latent channel in training
 */
public record WanVaeConfig(
    int baseDim,
    int decoderBaseDim,
    List<Integer> dimMultiples,
    int resnets,
    List<Boolean> temporalDownsample,
    int latentChannels,
    List<Double> latentsMean,
    List<Double> latentsStd) {
  /** The class that this is the configuration of, as published folders name it. */
  public static final String CLASS = "AutoencoderKLWan";

  /** Colours of a frame. */
  static final int COLOURS = 3;

  /**
   * Reads a folder's configuration.
   *
   * @param folder the autoencoder's folder, which holds {@code config.json}
   * @throws MalformedFileException if it is missing or malformed, of another class, or has a
   *     setting that is not supported; the message says what is
   */
  public static WanVaeConfig read(Path folder) {
    ComponentConfig config = ComponentConfig.read(folder.resolve("config.json"));
    if (!config.className().equals(CLASS)) {
      throw config.unknownClass(List.of(CLASS));
    }
    // Wan 2.2 TI2V has another kind of block and patches of 2 x 2 pixels.
    config.only("is_residual", "false");
    config.only("patch_size", "null");
    config.only("in_channels", "3");
    config.only("out_channels", "3");
    config.only("clip_output", "true");
    config.withoutEffect("dropout");
    if (!config.numbers("attn_scales", List.of()).isEmpty()) {
      throw config.refuse("attn_scales", "an empty list");
    }
    int base = config.integer("base_dim", 96, 1);
    List<Integer> multiples = config.integers("dim_mult", List.of(1, 2, 4, 4));
    if (multiples.isEmpty() || multiples.stream().anyMatch(m -> m < 1)) {
      throw config.refuse("dim_mult", "whole numbers above 0");
    }
    List<Boolean> temporal = config.flags("temperal_downsample", List.of(false, true, true));
    if (temporal.size() != multiples.size() - 1) {
      throw config.refuse(
          "temperal_downsample", (multiples.size() - 1) + " entries, one fewer than dim_mult has");
    }
    int channels = config.integer("z_dim", 16, 1);
    WanVaeConfig read =
        new WanVaeConfig(
            base,
            config.integer("decoder_base_dim", base, 1),
            multiples,
            config.integer("num_res_blocks", 2, 1),
            temporal,
            channels,
            config.numbers("latents_mean", List.of()),
            config.numbers("latents_std", List.of()));
    checkFactors(config, read);
    if (read.latentsMean.size() != channels) {
      throw config.refuse("latents_mean", channels + " numbers, one per latent channel");
    }
    if (read.latentsStd.size() != channels || read.latentsStd.stream().anyMatch(s -> s <= 0)) {
      throw config.refuse("latents_std", channels + " numbers above 0, one per latent channel");
    }
    config.finish();
    return read;
  }

  private static void checkFactors(ComponentConfig config, WanVaeConfig read) {
    if (config.integer("scale_factor_spatial", read.spatialFactor(), 1) != read.spatialFactor()) {
      throw config.refuse("scale_factor_spatial", read.spatialFactor() + ", as dim_mult gives it");
    }
    if (config.integer("scale_factor_temporal", read.temporalFactor(), 1)
        != read.temporalFactor()) {
      throw config.refuse(
          "scale_factor_temporal", read.temporalFactor() + ", as temperal_downsample gives it");
    }
  }

  /** Pixels of a frame's row for each of a latent's. */
  public int spatialFactor() {
    return 1 << temporalDownsample.size();
  }

  /** Frames for each latent frame but the first, which is one frame. */
  public int temporalFactor() {
    return 1 << temporalDownsample.stream().filter(halves -> halves).count();
  }

  /** Frames that so many latent frames stand for. */
  public int frames(int latentFrames) {
    return (latentFrames - 1) * temporalFactor() + 1;
  }

  /** Latent frames of so many frames; a rest that fills no latent frame does not count. */
  public int latentFrames(int frames) {
    return (frames - 1) / temporalFactor() + 1;
  }
}
