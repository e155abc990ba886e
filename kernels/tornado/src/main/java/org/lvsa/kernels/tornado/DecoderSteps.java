// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.tornado.DecoderStep.AddRepeated;
import org.lvsa.kernels.tornado.DecoderStep.Attention;
import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Into;
import org.lvsa.kernels.tornado.DecoderStep.Kernel;
import org.lvsa.kernels.tornado.DecoderStep.Place;
import org.lvsa.kernels.tornado.DecoderStep.Remember;
import org.lvsa.kernels.tornado.DecoderStep.Size;

/**
 * Writes down what a decoder does with a latent frame, in order, by the names of its tensors.
 * Memory, weights and tasks all follow from this one description.
 */
final class DecoderSteps {
  private final List<DecoderStep> steps = new ArrayList<>();
  private Size size;

  /** Where the volume is that is worked on, and two places that are free. */
  private Place x = Place.ONE;

  private Place free = Place.TWO;
  private Place other = Place.THREE;

  private DecoderSteps(Size size) {
    this.size = size;
  }

  /**
   * The steps.
   *
   * @param rows of a latent frame
   * @param columns of a latent frame
   */
  static List<DecoderStep> of(DecoderShape shape, int rows, int columns) {
    DecoderSteps made = new DecoderSteps(new Size(1, rows, columns));
    made.add(shape);
    return List.copyOf(made.steps);
  }

  private void add(DecoderShape shape) {
    int latents = shape.latentChannels();
    int channels = shape.channels();
    conv("post_quant_conv", "", kernel(latents, latents, 1, 1), Place.LATENTS, free);
    conv("decoder.conv_in", "", kernel(latents, channels, 3, 3), free, x);
    resnet("decoder.mid_block.resnets.0.", channels, channels);
    steps.add(new Attention("decoder.mid_block.attentions.0.", channels, size, x));
    resnet("decoder.mid_block.resnets.1.", channels, channels);
    int in = channels;
    for (int i = 0; i < shape.levels().size(); i++) {
      DecoderShape.Level level = shape.levels().get(i);
      level("decoder.up_blocks." + i + ".", level, in);
      in = level.up().map(DecoderShape.Up::out).orElse(level.channels());
    }
    conv(
        "decoder.conv_out",
        "decoder.norm_out",
        kernel(in, shape.outChannels(), 3, 3),
        x,
        Place.FRAMES);
  }

  private void level(String name, DecoderShape.Level level, int in) {
    Optional<DecoderShape.Up> up = level.up();
    boolean shortcut = up.isPresent() && up.get().shortcut();
    if (shortcut) {
      steps.add(new Remember(size, in, x));
    }
    for (int i = 0; i < level.resnets(); i++) {
      resnet(name + "resnets." + i + ".", i == 0 ? in : level.channels(), level.channels());
    }
    up.ifPresent(
        step -> up(name + (shortcut ? "upsampler." : "upsamplers.0."), level.channels(), step));
    if (shortcut) {
      steps.add(new AddRepeated(size, up.get().out(), in, up.get().time() ? 2 : 1, x));
    }
  }

  /** Norm, SiLU and convolution, twice, added to the input or to what a convolution makes of it. */
  private void resnet(String name, int in, int out) {
    conv(name + "conv1", name + "norm1", kernel(in, out, 3, 3), x, free);
    if (in != out) {
      conv(name + "conv_shortcut", "", kernel(in, out, 1, 1), x, other);
      Place shorter = other;
      other = x;
      x = shorter;
    }
    steps.add(
        new Conv(
            name + "conv2",
            Optional.of(name + "norm2"),
            kernel(out, out, 3, 3),
            size,
            free,
            x,
            Into.ADD));
  }

  private void up(String name, int channels, DecoderShape.Up up) {
    if (up.time()) {
      Kernel time = kernel(channels, 2 * channels, 3, 1);
      steps.add(
          new Conv(name + "time_conv", Optional.empty(), time, size, x, free, Into.TWO_FRAMES));
      size = new Size(2 * size.frames(), size.rows(), size.columns());
      swap();
    }
    size = new Size(size.frames(), 2 * size.rows(), 2 * size.columns());
    conv(name + "resample.1", "", new Kernel(channels, up.out(), 1, 3, 2), x, free);
    swap();
  }

  private void swap() {
    Place last = x;
    x = free;
    free = last;
  }

  private static Kernel kernel(int in, int out, int frames, int side) {
    return new Kernel(in, out, frames, side, 1);
  }

  private void conv(String name, String norm, Kernel kernel, Place from, Place to) {
    Optional<String> before = norm.isEmpty() ? Optional.empty() : Optional.of(norm);
    steps.add(new Conv(name, before, kernel, size, from, to, Into.REPLACE));
  }
}
