// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.weights.ComponentConfig;

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
    ComponentConfig config = ComponentConfig.read(folder);
    config.requirePresent("_class_name", CLASS);
    // Wan 2.2 TI2V has another kind of block and patches of 2 x 2 pixels.
    config.require("is_residual", "false");
    config.require("patch_size", (Object) null);
    config.require("in_channels", "3");
    config.require("out_channels", "3");
    config.require("clip_output", "true");
    config.withoutEffect("dropout");
    if (!list(config, "attn_scales", config::numbers, List.of()).isEmpty()) {
      throw config.wrong("attn_scales", "an empty list");
    }
    int base = config.size("base_dim", 96);
    List<Integer> multiples = list(config, "dim_mult", config::sizes, List.of(1, 2, 4, 4));
    if (multiples.isEmpty()) {
      throw config.wrong("dim_mult", "whole numbers from 1");
    }
    List<Boolean> temporal =
        list(config, "temperal_downsample", config::flags, List.of(false, true, true));
    if (temporal.size() != multiples.size() - 1) {
      throw config.wrong(
          "temperal_downsample", (multiples.size() - 1) + " entries, one fewer than dim_mult has");
    }
    int channels = config.size("z_dim", 16);
    WanVaeConfig read =
        new WanVaeConfig(
            base,
            config.size("decoder_base_dim", base),
            multiples,
            config.size("num_res_blocks", 2),
            temporal,
            channels,
            list(config, "latents_mean", config::numbers, List.of()),
            list(config, "latents_std", config::numbers, List.of()));
    checkFactors(config, read);
    if (read.latentsMean.size() != channels) {
      throw config.wrong("latents_mean", channels + " numbers, one per latent channel");
    }
    if (read.latentsStd.size() != channels || read.latentsStd.stream().anyMatch(s -> s <= 0)) {
      throw config.wrong("latents_std", channels + " numbers above 0, one per latent channel");
    }
    config.finish();
    return read;
  }

  private static <T> List<T> list(
      ComponentConfig config, String key, Function<String, List<T>> read, List<T> otherwise) {
    return config.has(key) ? read.apply(key) : otherwise;
  }

  private static void checkFactors(ComponentConfig config, WanVaeConfig read) {
    if (config.size("scale_factor_spatial", read.spatialFactor()) != read.spatialFactor()) {
      throw config.wrong("scale_factor_spatial", read.spatialFactor() + ", as dim_mult gives it");
    }
    if (config.size("scale_factor_temporal", read.temporalFactor()) != read.temporalFactor()) {
      throw config.wrong(
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
