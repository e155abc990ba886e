// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.decoder.WanDecoderShape;
import org.lvsa.kernels.tornado.DecoderStep.AddRepeated;
import org.lvsa.kernels.tornado.DecoderStep.Attention;
import org.lvsa.kernels.tornado.DecoderStep.AttentionTensors;
import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Into;
import org.lvsa.kernels.tornado.DecoderStep.Kernel;
import org.lvsa.kernels.tornado.DecoderStep.Norm;
import org.lvsa.kernels.tornado.DecoderStep.Outside;
import org.lvsa.kernels.tornado.DecoderStep.Place;
import org.lvsa.kernels.tornado.DecoderStep.Remember;
import org.lvsa.kernels.tornado.DecoderStep.Size;

/** What Wan's decoders do with a latent frame. */
final class WanSteps {
  private final DecoderSteps made;

  private WanSteps(DecoderSteps made) {
    this.made = made;
  }

  /**
   * The steps.
   *
   * @param size of a latent frame
   */
  static List<DecoderStep> of(WanDecoderShape shape, Size size) {
    DecoderSteps made = new DecoderSteps(size, Outside.ZEROS, "", Norm.OfPixels::new);
    new WanSteps(made).add(shape);
    return made.steps();
  }

  private void add(WanDecoderShape shape) {
    int latents = shape.latentChannels();
    int channels = shape.channels();
    made.pointwise("post_quant_conv", latents, latents, Place.LATENTS, made.free());
    made.causal("decoder.conv_in", latents, channels, made.free(), made.x());
    made.resnet("decoder.mid_block.resnets.0.", channels, channels);
    made.add(
        new Attention(
            "decoder.mid_block.attentions.0.",
            AttentionTensors.JOINED,
            channels,
            made.size(),
            made.x(),
            0));
    made.resnet("decoder.mid_block.resnets.1.", channels, channels);
    int in = channels;
    for (int i = 0; i < shape.levels().size(); i++) {
      WanDecoderShape.Level level = shape.levels().get(i);
      level("decoder.up_blocks." + i + ".", level, in);
      in = level.up().map(WanDecoderShape.Up::out).orElse(level.channels());
    }
    made.causal(
        "decoder.conv_out", "decoder.norm_out", in, shape.outChannels(), made.x(), Place.FRAMES);
  }

  private void level(String name, WanDecoderShape.Level level, int in) {
    Optional<WanDecoderShape.Up> up = level.up();
    boolean shortcut = up.isPresent() && up.get().shortcut();
    if (shortcut) {
      made.add(new Remember(made.size(), in, made.x()));
    }
    made.resnets(name, level.resnets(), in, level.channels());
    up.ifPresent(
        step -> up(name + (shortcut ? "upsampler." : "upsamplers.0."), level.channels(), step));
    if (shortcut) {
      made.add(new AddRepeated(made.size(), up.get().out(), in, up.get().time() ? 2 : 1, made.x()));
    }
  }

  private void up(String name, int channels, WanDecoderShape.Up up) {
    if (up.time()) {
      Kernel time = new Kernel(channels, 2 * channels, 3, 1, 1);
      made.add(
          new Conv(
              name + "time_conv",
              Optional.empty(),
              time,
              made.size(),
              made.x(),
              made.free(),
              Into.TWO_FRAMES));
      made.size(made.size().doubled());
      made.takeFree();
    }
    made.enlarge(name + "resample.1", channels, up.out());
  }
}
