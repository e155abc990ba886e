// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

/**
 * The norm of video autoencoders: each pixel's channels over their Euclidean length, times the
 * square root of their number and a weight for each channel.
 */
public final class PixelNorm {
  /** The least length, so that a pixel of zeros stays one. */
  private static final double LEAST = 1e-12;

  private final float[] weight;

  /** A norm with a weight for each channel. */
  public PixelNorm(float[] weight) {
    this.weight = weight.clone();
  }

  /** Writes the norm of each pixel of {@code in} to {@code out}, of the same size. */
  public void apply(Volume in, Volume out) {
    Rows.map(in.matrix(), out.matrix(), (index, pixel) -> normalise(pixel));
  }

  /** As {@link #apply}, followed by {@code x / (1 + exp(−x))}. */
  public void applyWithSilu(Volume in, Volume out) {
    applyWithSilu(in.matrix(), out.matrix());
  }

  /** As {@link #applyWithSilu(Volume, Volume)}, of pixels that are the rows of matrices. */
  public void applyWithSilu(Matrix in, Matrix out) {
    Rows.map(
        in,
        out,
        (index, pixel) -> {
          normalise(pixel);
          Floats.silu(pixel);
        });
  }

  private void normalise(float[] pixel) {
    double length = Math.max(Math.sqrt(Floats.squares(pixel, 0)), LEAST);
    Floats.multiply(pixel, (float) (Math.sqrt(pixel.length) / length));
    Floats.multiply(pixel, weight);
  }
}
