// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Group normalisation (Wu and He, 2018): channels are divided into groups of neighbours; all values
 * of a group, over all pixels of all frames, are brought to mean 0 and deviation 1, and each
 * channel then gets a weight and a bias.
 *
 * <p>The statistics are of a whole volume; applied it may be to some frames at a time, so that the
 * result need not be held whole.
 */
public final class GroupNorm {
  /** Elements that one task sums. Fixed, so that sums do not depend on the number of processors. */
  private static final int ELEMENTS = 1 << 15;

  private final int groups;
  private final float[] weight;
  private final float[] bias;
  private final double eps;

  /**
   * A norm.
   *
   * @param groups divides the number of channels
   * @param weight one per channel
   * @param bias one per channel
   * @param eps added to the variance
   */
  public GroupNorm(int groups, float[] weight, float[] bias, double eps) {
    if (weight.length % groups != 0) {
      throw new IllegalArgumentException(
          weight.length + " channels do not divide into " + groups + " groups");
    }
    this.groups = groups;
    this.weight = weight.clone();
    this.bias = bias.clone();
    this.eps = eps;
  }

  /**
   * Of one volume.
   *
   * @param means of each channel's group
   * @param factors one over the deviation of each channel's group, times the channel's weight
   */
  public record Statistics(float[] means, float[] factors) {}

  /**
   * A factor and a term for each channel that differ from place to place. They lie on a coarser
   * grid, each of whose pixels serves a square of pixels.
   *
   * @param factors {@code [frames, height, width, channels]}
   * @param terms as factors
   * @param frameOf for each frame that is normalised, which frame of the grid serves it
   */
  public record Modulation(Volume factors, Volume terms, int[] frameOf) {}

  /** The statistics of a volume, over all of its frames. */
  public Statistics statistics(Volume x) {
    Matrix pixels = x.matrix();
    int step = Math.max(1, ELEMENTS / x.channels());
    double[][] sums =
        IntStream.range(0, Math.ceilDiv(pixels.rows(), step))
            .parallel()
            .mapToObj(task -> sums(pixels, task * step, Math.min(pixels.rows(), (task + 1) * step)))
            .toArray(double[][]::new);
    double[] total = new double[2 * groups];
    for (double[] part : sums) {
      for (int i = 0; i < total.length; i++) {
        total[i] += part[i];
      }
    }
    int perGroup = weight.length / groups;
    double count = (double) pixels.rows() * perGroup;
    float[] means = new float[weight.length];
    float[] factors = new float[weight.length];
    for (int c = 0; c < weight.length; c++) {
      double mean = total[c / perGroup] / count;
      double variance = Math.max(0, total[groups + c / perGroup] / count - mean * mean);
      means[c] = (float) mean;
      factors[c] = (float) (weight[c] / Math.sqrt(variance + eps));
    }
    return new Statistics(means, factors);
  }

  /** The groups' sums, then their sums of squares. */
  private double[] sums(Matrix pixels, int first, int end) {
    double[] sums = new double[2 * groups];
    int perGroup = weight.length / groups;
    float[] pixel = new float[weight.length];
    for (int i = first; i < end; i++) {
      Rows.read(pixels, i, pixel);
      for (int group = 0; group < groups; group++) {
        double sum = 0;
        double squares = 0;
        for (int c = group * perGroup; c < (group + 1) * perGroup; c++) {
          sum += pixel[c];
          squares += (double) pixel[c] * pixel[c];
        }
        sums[group] += sum;
        sums[groups + group] += squares;
      }
    }
    return sums;
  }

  /**
   * Writes the norm of some frames.
   *
   * @param statistics of the whole volume
   * @param modulation applied after the norm; empty for none
   * @param first which frame of the whole volume the first one of {@code in} is
   * @param in the frames
   * @param out of the size of {@code in}
   */
  public void apply(
      Statistics statistics, Optional<Modulation> modulation, int first, Volume in, Volume out) {
    run(statistics, modulation, first, in, out, (index, pixel) -> {});
  }

  /** As {@link #apply}, followed by {@code x / (1 + exp(−x))}. */
  public void applyWithSilu(
      Statistics statistics, Optional<Modulation> modulation, int first, Volume in, Volume out) {
    run(statistics, modulation, first, in, out, (index, pixel) -> Floats.silu(pixel));
  }

  private void run(
      Statistics statistics,
      Optional<Modulation> modulation,
      int first,
      Volume in,
      Volume out,
      Rows.Change then) {
    if (modulation.isEmpty()) {
      Rows.map(
          in.matrix(),
          out.matrix(),
          (index, pixel) -> {
            normalise(statistics, pixel);
            then.row(index, pixel);
          });
      return;
    }
    Modulation grid = modulation.get();
    Matrix factors = grid.factors().matrix();
    Matrix terms = grid.terms().matrix();
    Rows.map(
        in.matrix(),
        out.matrix(),
        (index, pixel) -> {
          normalise(statistics, pixel);
          int at = place(grid, first, in, index);
          float[] factor = new float[pixel.length];
          float[] term = new float[pixel.length];
          Rows.read(factors, at, factor);
          Rows.read(terms, at, term);
          Floats.scaleAndShift(pixel, factor, term);
          then.row(index, pixel);
        });
  }

  private void normalise(Statistics statistics, float[] pixel) {
    float[] means = statistics.means();
    float[] factors = statistics.factors();
    for (int c = 0; c < pixel.length; c++) {
      pixel[c] = (pixel[c] - means[c]) * factors[c] + bias[c];
    }
  }

  /** The pixel of the grid that serves a pixel. */
  private static int place(Modulation grid, int first, Volume in, int index) {
    Volume coarse = grid.factors();
    int x = index % in.width() * coarse.width() / in.width();
    int y = index / in.width() % in.height() * coarse.height() / in.height();
    int frame = grid.frameOf()[first + index / in.width() / in.height()];
    return (frame * coarse.height() + y) * coarse.width() + x;
  }
}
