// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.decoder.CogVideoXDecoderShape;
import org.lvsa.kernels.decoder.DecoderShape.Stretch;
import org.lvsa.kernels.tornado.DecoderStep.Norm;
import org.lvsa.kernels.tornado.DecoderStep.Outside;
import org.lvsa.kernels.tornado.DecoderStep.Place;
import org.lvsa.kernels.tornado.DecoderStep.RepeatFrames;
import org.lvsa.kernels.tornado.DecoderStep.Size;

/** What CogVideoX's decoder does with a stretch of latent frames. */
final class CogVideoXSteps {
  private final DecoderSteps made;

  private CogVideoXSteps(DecoderSteps made) {
    this.made = made;
  }

  /**
   * The steps, with room for the longest stretch of a video.
   *
   * @param latentFrames of a video
   */
  static List<DecoderStep> of(
      CogVideoXDecoderShape shape, int rows, int columns, int latentFrames) {
    int most =
        shape.stretches(latentFrames).stream().mapToInt(Stretch::latentFrames).max().orElse(1);
    Size latents = new Size(most, rows, columns, 0);
    DecoderSteps made =
        new DecoderSteps(
            latents,
            Outside.FIRST_FRAME,
            ".conv",
            name -> new Norm.OfGroups(name, shape.groups(), shape.latentChannels(), latents));
    new CogVideoXSteps(made).add(shape);
    return made.steps();
  }

  private void add(CogVideoXDecoderShape shape) {
    int latents = shape.latentChannels();
    int in = shape.levels().getFirst().channels();
    made.add(new DecoderStep.Tell(made.size(), latents));
    made.causal("decoder.conv_in", latents, in, Place.LATENTS, made.x());
    made.resnet("decoder.mid_block.resnets.0.", in, in);
    made.resnet("decoder.mid_block.resnets.1.", in, in);
    for (int i = 0; i < shape.levels().size(); i++) {
      CogVideoXDecoderShape.Level level = shape.levels().get(i);
      String name = "decoder.up_blocks." + i + ".";
      made.resnets(name, level.resnets(), in, level.channels());
      in = level.channels();
      if (i < shape.levels().size() - 1) {
        up(name, level);
      }
    }
    made.causal(
        "decoder.conv_out", "decoder.norm_out", in, shape.outChannels(), made.x(), Place.FRAMES);
  }

  /** Each frame is enlarged for itself, so that it does not matter when frames are repeated. */
  private void up(String name, CogVideoXDecoderShape.Level level) {
    int channels = level.channels();
    made.enlarge(name + "upsamplers.0.conv", channels, channels);
    if (level.time()) {
      Size once = made.size();
      int frames = 2 * once.frames() - once.frames() % 2;
      made.size(new Size(frames, once.rows(), once.columns(), once.doublings() + 1));
      made.add(new RepeatFrames(made.size(), channels, made.x(), made.free()));
      made.takeFree();
    }
  }
}
