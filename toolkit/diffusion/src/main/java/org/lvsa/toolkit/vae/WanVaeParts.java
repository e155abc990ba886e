// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.ConvGeometry;
import org.lvsa.toolkit.layers.PixelNorm;
import org.lvsa.toolkit.weights.TensorShapes;

/** Builds the parts of Wan's autoencoder by the names of their tensors. */
final class WanVaeParts {
  private final WanVaeConfig config;
  private final VaeLayers layers;

  /**
   * Parts of that shape.
   *
   * @param layers makes their layers
   */
  WanVaeParts(WanVaeConfig config, VaeLayers layers) {
    this.config = config;
    this.layers = layers;
  }

  /** Every tensor of the model. */
  static TensorShapes shapes(WanVaeConfig config) {
    return VaeLayers.shapes(
        layers -> {
          WanVaeParts parts = new WanVaeParts(config, layers);
          parts.encoder();
          parts.decoder();
        });
  }

  /** The encoder. */
  WanEncoder encoder() {
    int channels = config.baseDim() * config.dimMultiples().getFirst();
    String at = "encoder.";
    int in = config.baseDim();
    CausalConv convIn = causal(at + "conv_in", in, config.patchChannels(), 3);
    List<WanEncoder.Down> blocks = new ArrayList<>();
    int levels = config.dimMultiples().size();
    for (int level = 0; level < levels; level++) {
      channels = config.baseDim() * config.dimMultiples().get(level);
      boolean last = level == levels - 1;
      if (config.residual()) {
        blocks.add(residualDown(at + "down_blocks." + level + ".", level, in, channels));
        in = channels;
        continue;
      }
      for (int r = 0; r < config.resnets(); r++) {
        String name = at + "down_blocks." + blocks.size() + ".";
        blocks.add(new WanEncoder.Down(List.of(resnet(name, in, channels)), null, null));
        in = channels;
      }
      if (!last) {
        String name = at + "down_blocks." + blocks.size() + ".";
        boolean time = config.temporalDownsample().get(level);
        blocks.add(new WanEncoder.Down(List.of(), downsample(name, channels, time), null));
      }
    }
    MidBlock mid = mid(at + "mid_block.", channels);
    PixelNorm norm = layers.pixelNorm(at + "norm_out", channels, 4);
    int moments = 2 * config.latentChannels();
    CausalConv convOut = causal(at + "conv_out", moments, channels, 3);
    Conv3d quant = layers.pointwise("quant_conv", moments, moments);
    return new WanEncoder(config, convIn, blocks, mid, norm, convOut, quant, layers.slots());
  }

  /** A resolution of the residual variant: its shortcut leads around a step to the next one too. */
  private WanEncoder.Down residualDown(String name, int level, int in, int channels) {
    boolean last = level == config.dimMultiples().size() - 1;
    boolean time = !last && config.temporalDownsample().get(level);
    List<Resnet> resnets = new ArrayList<>();
    for (int r = 0; r < config.resnets(); r++) {
      resnets.add(resnet(name + "resnets." + r + ".", r == 0 ? in : channels, channels));
    }
    return new WanEncoder.Down(
        resnets,
        last ? null : downsample(name + "downsampler.", channels, time),
        new Shortcut(time ? 2 : 1, last ? 1 : 2));
  }

  /** The decoder. */
  WanDecoder decoder() {
    String at = "decoder.";
    int latents = config.latentChannels();
    Conv3d postQuant = layers.pointwise("post_quant_conv", latents, latents);
    List<Integer> multiples = config.dimMultiples().reversed();
    int channels = config.decoderBaseDim() * multiples.getFirst();
    CausalConv convIn = causal(at + "conv_in", channels, latents, 3);
    MidBlock mid = mid(at + "mid_block.", channels);
    List<WanDecoder.Up> blocks = new ArrayList<>();
    int in = channels;
    for (int level = 0; level < multiples.size(); level++) {
      String name = at + "up_blocks." + level + ".";
      channels = config.decoderBaseDim() * multiples.get(level);
      boolean last = level == multiples.size() - 1;
      boolean time = !last && config.temporalDownsample().reversed().get(level);
      List<Resnet> resnets = new ArrayList<>();
      for (int r = 0; r <= config.resnets(); r++) {
        resnets.add(resnet(name + "resnets." + r + ".", in, channels));
        in = channels;
      }
      Upsample upsample = null;
      Shortcut shortcut = null;
      if (!last && config.residual()) {
        upsample = upsample(name + "upsampler.", channels, channels, time);
        shortcut = new Shortcut(time ? 2 : 1, 2);
      } else if (!last) {
        in = channels / 2;
        upsample = upsample(name + "upsamplers.0.", channels, in, time);
      }
      blocks.add(new WanDecoder.Up(resnets, upsample, shortcut));
    }
    PixelNorm norm = layers.pixelNorm(at + "norm_out", channels, 4);
    CausalConv convOut = causal(at + "conv_out", config.patchChannels(), channels, 3);
    return new WanDecoder(postQuant, convIn, mid, blocks, norm, convOut, layers.slots());
  }

  private MidBlock mid(String at, int channels) {
    String attention = at + "attentions.0.";
    return new MidBlock(
        resnet(at + "resnets.0.", channels, channels),
        layers.pixelNorm(attention + "norm", channels, 3),
        layers.imageConv(attention + "to_qkv", ConvGeometry.same(3 * channels, channels, 1, 1)),
        layers.imageConv(attention + "proj", ConvGeometry.same(channels, channels, 1, 1)),
        resnet(at + "resnets.1.", channels, channels));
  }

  private Resnet resnet(String at, int in, int out) {
    PixelNorm norm1 = layers.pixelNorm(at + "norm1", in, 4);
    CausalConv conv1 = causal(at + "conv1", out, in, 3);
    PixelNorm norm2 = layers.pixelNorm(at + "norm2", out, 4);
    CausalConv conv2 = causal(at + "conv2", out, out, 3);
    Conv3d shortcut = in == out ? null : layers.pointwise(at + "conv_shortcut", out, in);
    return new Resnet(norm1, conv1, norm2, conv2, shortcut);
  }

  private Upsample upsample(String at, int channels, int out, boolean time) {
    CausalConv timeConv = time ? causal(at + "time_conv", 2 * channels, channels, 1) : null;
    ConvGeometry spatial = ConvGeometry.same(out, channels, 1, 3);
    return new Upsample(timeConv, layers.imageConv(at + "resample.1", spatial));
  }

  private Downsample downsample(String at, int channels, boolean time) {
    ConvGeometry half = new ConvGeometry(channels, channels, 1, 3, 3, 1, 2, 0, 1);
    Conv3d spatial = layers.imageConv(at + "resample.1", half);
    ConvGeometry pairs = new ConvGeometry(channels, channels, 3, 1, 1, 2, 1, 0, 0);
    Conv3d timeConv = time ? layers.conv(at + "time_conv", pairs) : null;
    return new Downsample(spatial, timeConv, layers.slot());
  }

  /** A convolution of three frames. */
  private CausalConv causal(String name, int out, int in, int kernel) {
    return layers.causal(name, ConvGeometry.same(out, in, 3, kernel), CausalConv.Before.ZEROS);
  }
}
