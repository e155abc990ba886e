// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.ConvGeometry;
import org.lvsa.toolkit.layers.GroupNorm;
import org.lvsa.toolkit.weights.TensorShapes;

/** Builds the parts of CogVideoX's autoencoder by the names of their tensors. */
final class CogVideoXVaeParts {
  private final CogVideoXVaeConfig config;
  private final VaeLayers layers;

  /**
   * Parts of that shape.
   *
   * @param layers makes their layers
   */
  CogVideoXVaeParts(CogVideoXVaeConfig config, VaeLayers layers) {
    this.config = config;
    this.layers = layers;
  }

  /** Every tensor of the model. */
  static TensorShapes shapes(CogVideoXVaeConfig config) {
    return VaeLayers.shapes(
        layers -> {
          CogVideoXVaeParts parts = new CogVideoXVaeParts(config, layers);
          parts.encoder();
          parts.decoder();
        });
  }

  /** The encoder. */
  CogVideoXEncoder encoder() {
    int in = config.channels().getFirst();
    CausalConv convIn = causal("encoder.conv_in", in, CogVideoXVaeConfig.COLOURS);
    List<CogVideoXEncoder.Down> levels = new ArrayList<>();
    for (int level = 0; level < config.channels().size(); level++) {
      String name = "encoder.down_blocks." + level + ".";
      int out = config.channels().get(level);
      List<ChunkResnet> resnets = resnets(name, config.resnets(), in, out, false);
      boolean last = level == config.channels().size() - 1;
      ConvGeometry half = new ConvGeometry(out, out, 1, 3, 3, 1, 2, 0, 1);
      levels.add(
          new CogVideoXEncoder.Down(
              resnets,
              last
                  ? null
                  : new ChunkDownsample(
                      layers.imageConv(name + "downsamplers.0.conv", half),
                      level < config.temporalLevels())));
      in = out;
    }
    List<ChunkResnet> mid = resnets("encoder.mid_block.", 2, in, in, false);
    ChunkNorm norm =
        new ChunkNorm(norm("encoder.norm_out", in, CogVideoXVaeConfig.EPS), null, null);
    CausalConv convOut = causal("encoder.conv_out", 2 * config.latentChannels(), in);
    return new CogVideoXEncoder(convIn, levels, mid, norm, convOut, layers.slots());
  }

  /** The decoder. */
  CogVideoXDecoder decoder() {
    List<Integer> channels = config.channels().reversed();
    int in = channels.getFirst();
    CausalConv convIn = causal("decoder.conv_in", in, config.latentChannels());
    List<ChunkResnet> mid = resnets("decoder.mid_block.", 2, in, in, true);
    List<CogVideoXDecoder.Up> levels = new ArrayList<>();
    for (int level = 0; level < channels.size(); level++) {
      String name = "decoder.up_blocks." + level + ".";
      int out = channels.get(level);
      List<ChunkResnet> resnets = resnets(name, config.resnets() + 1, in, out, true);
      boolean last = level == channels.size() - 1;
      levels.add(
          new CogVideoXDecoder.Up(
              resnets,
              last
                  ? null
                  : new ChunkUpsample(
                      layers.imageConv(
                          name + "upsamplers.0.conv", ConvGeometry.same(out, out, 1, 3)),
                      level < config.temporalLevels())));
      in = out;
    }
    ChunkNorm norm = modulated("decoder.norm_out", in);
    CausalConv convOut = causal("decoder.conv_out", CogVideoXVaeConfig.COLOURS, in);
    return new CogVideoXDecoder(convIn, mid, levels, norm, convOut, layers.slots());
  }

  private List<ChunkResnet> resnets(String at, int count, int in, int out, boolean decoder) {
    List<ChunkResnet> resnets = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      resnets.add(resnet(at + "resnets." + i + ".", i == 0 ? in : out, out, decoder));
    }
    return resnets;
  }

  private ChunkResnet resnet(String at, int in, int out, boolean decoder) {
    ChunkNorm norm1 = decoder ? modulated(at + "norm1", in) : plain(at + "norm1", in);
    CausalConv conv1 = causal(at + "conv1", out, in);
    ChunkNorm norm2 = decoder ? modulated(at + "norm2", out) : plain(at + "norm2", out);
    CausalConv conv2 = causal(at + "conv2", out, out);
    Conv3d shortcut = in == out ? null : layers.pointwise(at + "conv_shortcut", out, in);
    return new ChunkResnet(norm1, conv1, norm2, conv2, shortcut);
  }

  private ChunkNorm plain(String name, int channels) {
    return new ChunkNorm(norm(name, channels, config.normEps()), null, null);
  }

  private ChunkNorm modulated(String name, int channels) {
    return new ChunkNorm(
        norm(name + ".norm_layer", channels, CogVideoXVaeConfig.EPS),
        layers.pointwise(name + ".conv_y.conv", channels, config.latentChannels()),
        layers.pointwise(name + ".conv_b.conv", channels, config.latentChannels()));
  }

  private GroupNorm norm(String name, int channels, double eps) {
    return layers.groupNorm(name, channels, config.groups(), eps);
  }

  /** A convolution of three frames, rows and pixels. */
  private CausalConv causal(String name, int out, int in) {
    return layers.causal(
        name + ".conv", ConvGeometry.same(out, in, 3, 3), CausalConv.Before.FIRST_FRAME);
  }
}
