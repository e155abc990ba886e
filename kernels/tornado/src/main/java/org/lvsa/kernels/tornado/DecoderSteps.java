// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.lvsa.kernels.decoder.CogVideoXDecoderShape;
import org.lvsa.kernels.decoder.DecoderShape;
import org.lvsa.kernels.decoder.HunyuanDecoderShape;
import org.lvsa.kernels.decoder.WanDecoderShape;
import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Into;
import org.lvsa.kernels.tornado.DecoderStep.Kernel;
import org.lvsa.kernels.tornado.DecoderStep.Norm;
import org.lvsa.kernels.tornado.DecoderStep.Outside;
import org.lvsa.kernels.tornado.DecoderStep.Place;
import org.lvsa.kernels.tornado.DecoderStep.Size;

/**
 * Writes down what a decoder does with latent frames, in order, by the names of its tensors.
 * Memory, weights and tasks all follow from this one description. Each family has its own; here is
 * what they have in common: where the volume is that is worked on, and residual blocks.
 */
final class DecoderSteps {
  private final List<DecoderStep> steps = new ArrayList<>();

  /** What convolutions see where there is no pixel. */
  private final Outside outside;

  /** What stands behind the names of convolutions of three frames. */
  private final String suffix;

  /** Norms by the names of their tensors. */
  private final Function<String, Norm> norms;

  private Size size;

  /** Where the volume is that is worked on, and two places that are free. */
  private Place x = Place.ONE;

  private Place free = Place.TWO;
  private Place other = Place.THREE;

  /**
   * No steps yet.
   *
   * @param size of the latent frames
   * @param outside what convolutions see where there is no pixel
   * @param suffix what stands behind the names of convolutions of three frames
   * @param norms by the names of their tensors
   */
  DecoderSteps(Size size, Outside outside, String suffix, Function<String, Norm> norms) {
    this.size = size;
    this.outside = outside;
    this.suffix = suffix;
    this.norms = norms;
  }

  /**
   * The steps of a decoder.
   *
   * @param rows of a latent frame
   * @param columns of a latent frame
   * @param latentFrames of a video
   */
  static List<DecoderStep> of(DecoderShape shape, int rows, int columns, int latentFrames) {
    Size size = new Size(1, rows, columns);
    return switch (shape) {
      case WanDecoderShape wan -> WanSteps.of(wan, size);
      case HunyuanDecoderShape hunyuan -> HunyuanSteps.of(hunyuan, size, latentFrames);
      case CogVideoXDecoderShape cog -> CogVideoXSteps.of(cog, rows, columns, latentFrames);
    };
  }

  /** All steps so far. */
  List<DecoderStep> steps() {
    return List.copyOf(steps);
  }

  void add(DecoderStep step) {
    steps.add(step);
  }

  /** The size of the volume that is worked on. */
  Size size() {
    return size;
  }

  void size(Size its) {
    size = its;
  }

  /** Where the volume is that is worked on. */
  Place x() {
    return x;
  }

  /** A place that is free. */
  Place free() {
    return free;
  }

  /** Another place that is free. */
  Place other() {
    return other;
  }

  /** Goes on with what is at {@link #free}. */
  void takeFree() {
    Place last = x;
    x = free;
    free = last;
  }

  /** Goes on with what is at {@link #other}. */
  void takeOther() {
    Place last = x;
    x = other;
    other = last;
  }

  /** A convolution of three frames, rows and columns, without a norm before it. */
  void causal(String name, int in, int out, Place from, Place to) {
    conv(name + suffix, "", kernel(in, out, 3, 3), from, to, Into.REPLACE);
  }

  /** The norm, SiLU, and a convolution of three frames, rows and columns. */
  void causal(String name, String norm, int in, int out, Place from, Place to) {
    conv(name + suffix, norm, kernel(in, out, 3, 3), from, to, Into.REPLACE);
  }

  /** A convolution of single pixels. */
  void pointwise(String name, int in, int out, Place from, Place to) {
    conv(name, "", kernel(in, out, 1, 1), from, to, Into.REPLACE);
  }

  /** Norm, SiLU and convolution, twice, added to the input or to what a convolution makes of it. */
  void resnet(String name, int in, int out) {
    causal(name + "conv1", name + "norm1", in, out, x, free);
    if (in != out) {
      pointwise(name + "conv_shortcut", in, out, x, other);
      takeOther();
    }
    conv(name + "conv2" + suffix, name + "norm2", kernel(out, out, 3, 3), free, x, Into.ADD);
  }

  /** So many residual blocks, of which the first one changes the channels. */
  void resnets(String name, int count, int in, int out) {
    for (int i = 0; i < count; i++) {
      resnet(name + "resnets." + i + ".", i == 0 ? in : out, out);
    }
  }

  /**
   * A convolution of each frame for itself, which sees each pixel as a square of four, so that
   * frames get twice the rows and columns.
   */
  void enlarge(String name, int in, int out) {
    size = size.enlarged();
    conv(name, "", new Kernel(in, out, 1, 3, 2), x, free, Into.REPLACE);
    takeFree();
  }

  private Kernel kernel(int in, int out, int frames, int side) {
    return new Kernel(in, out, frames, side, 1, outside);
  }

  private void conv(String name, String norm, Kernel kernel, Place from, Place to, Into into) {
    Optional<Norm> before = norm.isEmpty() ? Optional.empty() : Optional.of(norms.apply(norm));
    steps.add(new Conv(name, before, kernel, size, from, to, into));
  }
}
