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
 * @param residual whether the blocks of a resolution have a shortcut around them, as in Wan 2.2
 *     TI2V; their steps to the next resolution keep the channels then
 * @param patch pixels on each side of the squares that become one pixel of more channels before the
 *     encoder, and again squares behind the decoder; 1 for none
 */
public record WanVaeConfig(
    int baseDim,
    int decoderBaseDim,
    List<Integer> dimMultiples,
    int resnets,
    List<Boolean> temporalDownsample,
    int latentChannels,
    List<Double> latentsMean,
    List<Double> latentsStd,
    boolean residual,
    int patch) {
  /** The class that this is the configuration of, as published folders name it. */
  public static final String CLASS = "AutoencoderKLWan";

  /** Colours of a frame. */
  static final int COLOURS = 3;

  /** The shape of Wan 2.1: no shortcuts around blocks, no patches. */
  public WanVaeConfig(
      int baseDim,
      int decoderBaseDim,
      List<Integer> dimMultiples,
      int resnets,
      List<Boolean> temporalDownsample,
      int latentChannels,
      List<Double> latentsMean,
      List<Double> latentsStd) {
    this(
        baseDim,
        decoderBaseDim,
        dimMultiples,
        resnets,
        temporalDownsample,
        latentChannels,
        latentsMean,
        latentsStd,
        false,
        1);
  }

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
    int patch = config.size("patch_size", 1);
    String channels = Integer.toString(COLOURS * patch * patch);
    // Absent channels are those of a picture without patches.
    if (patch == 1) {
      config.require("in_channels", channels);
      config.require("out_channels", channels);
    } else {
      config.requirePresent("in_channels", channels);
      config.requirePresent("out_channels", channels);
    }
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
    int latents = config.size("z_dim", 16);
    WanVaeConfig read =
        new WanVaeConfig(
            base,
            config.size("decoder_base_dim", base),
            multiples,
            config.size("num_res_blocks", 2),
            temporal,
            latents,
            list(config, "latents_mean", config::numbers, List.of()),
            list(config, "latents_std", config::numbers, List.of()),
            config.flag("is_residual", false),
            patch);
    checkFactors(config, read);
    if (read.latentsMean.size() != latents) {
      throw config.wrong("latents_mean", latents + " numbers, one per latent channel");
    }
    if (read.latentsStd.size() != latents || read.latentsStd.stream().anyMatch(s -> s <= 0)) {
      throw config.wrong("latents_std", latents + " numbers above 0, one per latent channel");
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
      throw config.wrong(
          "scale_factor_spatial", read.spatialFactor() + ", as dim_mult and patch_size give it");
    }
    if (config.size("scale_factor_temporal", read.temporalFactor()) != read.temporalFactor()) {
      throw config.wrong(
          "scale_factor_temporal", read.temporalFactor() + ", as temperal_downsample gives it");
    }
  }

  /** Pixels of a frame's row for each of a latent's. */
  public int spatialFactor() {
    return patch << temporalDownsample.size();
  }

  /** Channels of a pixel that the encoder takes and the decoder gives: the colours of a patch. */
  int patchChannels() {
    return COLOURS * patch * patch;
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
