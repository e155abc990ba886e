// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.layers.PixelNorm;
import org.lvsa.toolkit.weights.TensorShapes;

/** Builds the parts of HunyuanVideo 1.5's autoencoder by the names of their tensors. */
final class HunyuanVaeParts {
  /** Axes of the weight of a norm as it is stored. */
  private static final int NORM_AXES = 4;

  private final HunyuanVaeConfig config;
  private final VaeLayers layers;

  /**
   * Parts of that shape.
   *
   * @param layers makes their layers
   */
  HunyuanVaeParts(HunyuanVaeConfig config, VaeLayers layers) {
    this.config = config;
    this.layers = layers;
  }

  /** Every tensor of the model. */
  static TensorShapes shapes(HunyuanVaeConfig config) {
    return VaeLayers.shapes(
        layers -> {
          HunyuanVaeParts parts = new HunyuanVaeParts(config, layers);
          parts.encoder();
          parts.decoder();
        });
  }

  /** The encoder. */
  HunyuanEncoder encoder() {
    String at = "encoder.";
    List<HunyuanVaeConfig.Level> shape = config.down();
    ReplicateConv convIn =
        conv(at + "conv_in", config.channels().getFirst(), HunyuanVaeConfig.COLOURS);
    List<HunyuanLevel> levels = new ArrayList<>();
    for (HunyuanVaeConfig.Level level : shape) {
      String name = at + "down_blocks." + levels.size() + ".";
      List<Resnet> resnets = resnets(name, level, config.resnets());
      ReplicateConv step =
          level.steppedTo() == 0
              ? null
              : conv(
                  name + "downsamplers.0.conv",
                  level.steppedTo() / level.pieces(),
                  level.channels());
      levels.add(new HunyuanLevel(resnets, step, level.times(), level.out()));
    }
    int channels = config.channels().getLast();
    CausalMidBlock mid = mid(at + "mid_block.", channels);
    PixelNorm norm = layers.pixelNorm(at + "norm_out", channels, NORM_AXES);
    ReplicateConv convOut = conv(at + "conv_out", 2 * config.latentChannels(), channels);
    int untimed = (int) shape.stream().takeWhile(level -> level.times() == 1).count();
    return new HunyuanEncoder(convIn, levels, untimed, mid, norm, convOut, layers.slots());
  }

  /** The decoder. */
  HunyuanDecoder decoder() {
    String at = "decoder.";
    List<HunyuanVaeConfig.Level> shape = config.up();
    int channels = config.channels().getLast();
    ReplicateConv convIn = conv(at + "conv_in", channels, config.latentChannels());
    CausalMidBlock mid = mid(at + "mid_block.", channels);
    List<HunyuanLevel> levels = new ArrayList<>();
    for (HunyuanVaeConfig.Level level : shape) {
      String name = at + "up_blocks." + levels.size() + ".";
      List<Resnet> resnets = resnets(name, level, config.resnets() + 1);
      ReplicateConv step =
          level.steppedTo() == 0
              ? null
              : conv(
                  name + "upsamplers.0.conv", level.steppedTo() * level.pieces(), level.channels());
      levels.add(new HunyuanLevel(resnets, step, level.times(), level.out()));
    }
    channels = shape.getLast().out();
    PixelNorm norm = layers.pixelNorm(at + "norm_out", channels, NORM_AXES);
    ReplicateConv convOut = conv(at + "conv_out", HunyuanVaeConfig.COLOURS, channels);
    int timed = (int) shape.stream().filter(level -> level.times() == 2).count();
    return new HunyuanDecoder(convIn, mid, levels, timed, norm, convOut, layers.slots());
  }

  private CausalMidBlock mid(String at, int channels) {
    String attention = at + "attentions.0.";
    return new CausalMidBlock(
        resnet(at + "resnets.0.", channels, channels),
        layers.pixelNorm(attention + "norm", channels, NORM_AXES),
        layers.pointwise(attention + "to_q", channels, channels),
        layers.pointwise(attention + "to_k", channels, channels),
        layers.pointwise(attention + "to_v", channels, channels),
        layers.pointwise(attention + "proj_out", channels, channels),
        resnet(at + "resnets.1.", channels, channels));
  }

  private List<Resnet> resnets(String at, HunyuanVaeConfig.Level level, int count) {
    List<Resnet> resnets = new ArrayList<>();
    for (int r = 0; r < count; r++) {
      int in = r == 0 ? level.in() : level.channels();
      resnets.add(resnet(at + "resnets." + r + ".", in, level.channels()));
    }
    return resnets;
  }

  private Resnet resnet(String at, int in, int out) {
    return new Resnet(
        layers.pixelNorm(at + "norm1", in, NORM_AXES),
        conv(at + "conv1", out, in),
        layers.pixelNorm(at + "norm2", out, NORM_AXES),
        conv(at + "conv2", out, out),
        in == out ? null : layers.pointwise(at + "conv_shortcut", out, in));
  }

  private ReplicateConv conv(String name, int out, int in) {
    return new ReplicateConv(
        layers.conv(name + ".conv", ReplicateConv.geometry(out, in)), layers.slot());
  }
}
