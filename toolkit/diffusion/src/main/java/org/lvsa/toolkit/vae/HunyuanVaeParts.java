// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.ConvGeometry;
import org.lvsa.toolkit.layers.PixelNorm;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;

/**
 * Builds the parts of HunyuanVideo 1.5's autoencoder by the names of their tensors. Without weights
 * it only writes down which tensors of which shapes there must be, so that both come from one
 * description.
 */
final class HunyuanVaeParts {
  private final HunyuanVaeConfig config;
  private final TensorShapes shapes = new TensorShapes();

  /** Null where only the shapes are wanted. */
  private final Weights weights;

  private int slots;

  private HunyuanVaeParts(HunyuanVaeConfig config, Weights weights) {
    this.config = config;
    this.weights = weights;
  }

  /** Every tensor of the model. */
  static TensorShapes shapes(HunyuanVaeConfig config) {
    HunyuanVaeParts parts = new HunyuanVaeParts(config, null);
    parts.makeEncoder();
    parts.makeDecoder();
    return parts.shapes;
  }

  /** The encoder. */
  static HunyuanEncoder encoder(HunyuanVaeConfig config, Weights weights) {
    return new HunyuanVaeParts(config, weights).makeEncoder();
  }

  /** The decoder. */
  static HunyuanDecoder decoder(HunyuanVaeConfig config, Weights weights) {
    return new HunyuanVaeParts(config, weights).makeDecoder();
  }

  private HunyuanEncoder makeEncoder() {
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
    PixelNorm norm = norm(at + "norm_out", channels);
    ReplicateConv convOut = conv(at + "conv_out", 2 * config.latentChannels(), channels);
    int untimed = (int) shape.stream().takeWhile(level -> level.times() == 1).count();
    return new HunyuanEncoder(convIn, levels, untimed, mid, norm, convOut, slots);
  }

  private HunyuanDecoder makeDecoder() {
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
    PixelNorm norm = norm(at + "norm_out", channels);
    ReplicateConv convOut = conv(at + "conv_out", HunyuanVaeConfig.COLOURS, channels);
    int timed = (int) shape.stream().filter(level -> level.times() == 2).count();
    return new HunyuanDecoder(convIn, mid, levels, timed, norm, convOut, slots);
  }

  private CausalMidBlock mid(String at, int channels) {
    String attention = at + "attentions.0.";
    return new CausalMidBlock(
        resnet(at + "resnets.0.", channels, channels),
        norm(attention + "norm", channels),
        pointwise(attention + "to_q", channels, channels),
        pointwise(attention + "to_k", channels, channels),
        pointwise(attention + "to_v", channels, channels),
        pointwise(attention + "proj_out", channels, channels),
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
        norm(at + "norm1", in),
        conv(at + "conv1", out, in),
        norm(at + "norm2", out),
        conv(at + "conv2", out, out),
        in == out ? null : pointwise(at + "conv_shortcut", out, in));
  }

  private ReplicateConv conv(String name, int out, int in) {
    return new ReplicateConv(conv(name + ".conv", ReplicateConv.geometry(out, in)), slots++);
  }

  private Conv3d pointwise(String name, int out, int in) {
    return conv(name, ConvGeometry.same(out, in, 1, 1));
  }

  private Conv3d conv(String name, ConvGeometry g) {
    shapes.add(
        name + ".weight", g.out(), g.in(), g.kernelFrames(), g.kernelHeight(), g.kernelWidth());
    shapes.add(name + ".bias", g.out());
    return weights == null
        ? null
        : new Conv3d(g, weights.get(name + ".weight"), weights.floats(name + ".bias"));
  }

  private PixelNorm norm(String name, int channels) {
    shapes.add(name + ".gamma", channels, 1, 1, 1);
    return weights == null ? null : new PixelNorm(weights.floats(name + ".gamma"));
  }
}
