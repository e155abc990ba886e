// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.decoder.HunyuanDecoderShape;
import org.lvsa.kernels.tornado.DecoderStep.AddChannels;
import org.lvsa.kernels.tornado.DecoderStep.Attention;
import org.lvsa.kernels.tornado.DecoderStep.AttentionTensors;
import org.lvsa.kernels.tornado.DecoderStep.Norm;
import org.lvsa.kernels.tornado.DecoderStep.Outside;
import org.lvsa.kernels.tornado.DecoderStep.Place;
import org.lvsa.kernels.tornado.DecoderStep.Size;
import org.lvsa.kernels.tornado.DecoderStep.Unpack;

/** What HunyuanVideo 1.5's decoder does with a latent frame. */
final class HunyuanSteps {
  private final DecoderSteps made;

  private HunyuanSteps(DecoderSteps made) {
    this.made = made;
  }

  /**
   * The steps.
   *
   * @param size of a latent frame
   * @param latentFrames of a video: the attention sees all of them
   */
  static List<DecoderStep> of(HunyuanDecoderShape shape, Size size, int latentFrames) {
    DecoderSteps made = new DecoderSteps(size, Outside.NEAREST, ".conv", Norm.OfPixels::new);
    new HunyuanSteps(made).add(shape, latentFrames);
    return made.steps();
  }

  private void add(HunyuanDecoderShape shape, int latentFrames) {
    int latents = shape.latentChannels();
    int channels = shape.channels();
    made.causal("decoder.conv_in", latents, channels, Place.LATENTS, made.x());
    made.add(new AddChannels(made.size(), channels, latents, Place.LATENTS, made.x()));
    made.resnet("decoder.mid_block.resnets.0.", channels, channels);
    made.add(
        new Attention(
            "decoder.mid_block.attentions.0.",
            AttentionTensors.APART,
            channels,
            made.size(),
            made.x(),
            latentFrames));
    made.resnet("decoder.mid_block.resnets.1.", channels, channels);
    int in = channels;
    for (int i = 0; i < shape.levels().size(); i++) {
      HunyuanDecoderShape.Level level = shape.levels().get(i);
      String name = "decoder.up_blocks." + i + ".";
      made.resnets(name, level.resnets(), in, level.channels());
      level.up().ifPresent(step -> up(name, level.channels(), step));
      in = level.up().map(HunyuanDecoderShape.Up::out).orElse(level.channels());
    }
    made.causal(
        "decoder.conv_out", "decoder.norm_out", in, shape.outChannels(), made.x(), Place.FRAMES);
  }

  private void up(String name, int channels, HunyuanDecoderShape.Up up) {
    int blockFrames = up.time() ? 2 : 1;
    int convolved = 4 * blockFrames * up.out();
    made.causal(name + "upsamplers.0.conv", channels, convolved, made.x(), made.free());
    made.size((up.time() ? made.size().doubled() : made.size()).enlarged());
    made.add(
        new Unpack(
            made.size(),
            up.out(),
            convolved,
            channels,
            blockFrames,
            made.free(),
            made.x(),
            made.other()));
    made.takeOther();
  }
}
