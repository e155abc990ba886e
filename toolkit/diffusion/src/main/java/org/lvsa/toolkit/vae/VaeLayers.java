// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.Arrays;
import java.util.function.Consumer;
import org.lvsa.toolkit.layers.Conv3d;
import org.lvsa.toolkit.layers.ConvGeometry;
import org.lvsa.toolkit.layers.GroupNorm;
import org.lvsa.toolkit.layers.PixelNorm;
import org.lvsa.toolkit.weights.TensorShapes;
import org.lvsa.toolkit.weights.Weights;

/**
 * Makes the layers of an autoencoder by the names of their tensors, and notes which tensors of
 * which shapes they need. Without weights it only notes, so that both come from one description;
 * layers are null then.
 */
final class VaeLayers {
  private final TensorShapes shapes = new TensorShapes();

  /** Null where only the shapes are wanted. */
  private final Weights weights;

  private int slots;

  private VaeLayers(Weights weights) {
    this.weights = weights;
  }

  /** Makes layers of these weights. */
  static VaeLayers of(Weights weights) {
    return new VaeLayers(weights);
  }

  /** The tensors that there must be for what {@code maker} makes. */
  static TensorShapes shapes(Consumer<VaeLayers> maker) {
    VaeLayers layers = new VaeLayers(null);
    maker.accept(layers);
    return layers.shapes;
  }

  /** The next place of a cache that keeps frames between two stretches of a video. */
  int slot() {
    return slots++;
  }

  /** Places of the cache that were given away. */
  int slots() {
    return slots;
  }

  /** A convolution. */
  Conv3d conv(String name, ConvGeometry g) {
    shapes.add(
        name + ".weight", g.out(), g.in(), g.kernelFrames(), g.kernelHeight(), g.kernelWidth());
    return convOf(name, g);
  }

  /** A convolution within frames, whose weight is stored without an axis for them. */
  Conv3d imageConv(String name, ConvGeometry g) {
    shapes.add(name + ".weight", g.out(), g.in(), g.kernelHeight(), g.kernelWidth());
    return convOf(name, g);
  }

  private Conv3d convOf(String name, ConvGeometry g) {
    shapes.add(name + ".bias", g.out());
    return weights == null
        ? null
        : new Conv3d(g, weights.get(name + ".weight"), weights.floats(name + ".bias"));
  }

  /** A convolution of single pixels. */
  Conv3d pointwise(String name, int out, int in) {
    return conv(name, ConvGeometry.same(out, in, 1, 1));
  }

  /** A convolution of three frames that looks back alone. */
  CausalConv causal(String name, ConvGeometry geometry, CausalConv.Before before) {
    return new CausalConv(geometry, conv(name, geometry), slot(), before);
  }

  /**
   * A norm of each pixel.
   *
   * @param axes how many axes its weight is stored with, all but the first of size one
   */
  PixelNorm pixelNorm(String name, int channels, int axes) {
    long[] shape = new long[axes];
    Arrays.fill(shape, 1);
    shape[0] = channels;
    shapes.add(name + ".gamma", shape);
    return weights == null ? null : new PixelNorm(weights.floats(name + ".gamma"));
  }

  /** A norm of groups of channels. */
  GroupNorm groupNorm(String name, int channels, int groups, double eps) {
    shapes.add(name + ".weight", channels).add(name + ".bias", channels);
    return weights == null
        ? null
        : new GroupNorm(
            groups, weights.floats(name + ".weight"), weights.floats(name + ".bias"), eps);
  }
}
