// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.Arrays;
import java.util.BitSet;

/**
 * Sparse VideoGen's choice between spatial and temporal heads (Xi et al., arXiv 2502.01776): for
 * some sampled queries, attention under each of the two emulated masks is compared with dense
 * attention, and the head is of the kind with the smaller squared error; spatial if they are equal.
 */
public final class SvgHeadKinds {
  private SvgHeadKinds() {}

  /**
   * Mean squared errors of the sampled queries' outputs.
   *
   * @param sampled indices of queries; an index may stand several times
   * @return the error under the spatial and under the temporal mask
   */
  public static double[] errors(
      SvgPattern.Family family, TokenGrid grid, HeadInputs inputs, int[] sampled) {
    inputs.check(grid);
    double[] errors = new double[SvgPattern.Kind.values().length];
    BitSet all = new BitSet();
    all.set(0, grid.tokens());
    for (int query : sampled) {
      if (query < 0 || query >= grid.tokens()) {
        throw new IllegalArgumentException(
            "a sampled row must be from 0 to " + (grid.tokens() - 1) + ", got " + query);
      }
      double[] dense = output(inputs, query, all);
      for (SvgPattern.Kind kind : SvgPattern.Kind.values()) {
        double[] sparse =
            output(inputs, query, new SvgProfileMask(family, kind).visible(grid, query));
        for (int d = 0; d < dense.length; d++) {
          double difference = sparse[d] - dense[d];
          errors[kind.ordinal()] += difference * difference;
        }
      }
    }
    return Arrays.stream(errors)
        .map(error -> error / ((double) sampled.length * inputs.headDim()))
        .toArray();
  }

  /** The kind with the smaller error. */
  public static SvgPattern.Kind kind(double[] errors) {
    return errors[1] < errors[0] ? SvgPattern.Kind.TEMPORAL : SvgPattern.Kind.SPATIAL;
  }

  private static double[] output(HeadInputs inputs, int query, BitSet keys) {
    int dim = inputs.headDim();
    int[] visible = keys.stream().toArray();
    double[] scores =
        Arrays.stream(visible)
            .mapToDouble(
                key -> {
                  double product = 0;
                  for (int d = 0; d < dim; d++) {
                    product +=
                        (double) inputs.query()[query * dim + d] * inputs.key()[key * dim + d];
                  }
                  return product * inputs.scale();
                })
            .toArray();
    double[] out = new double[dim];
    if (visible.length == 0) {
      return out;
    }
    double[] weights = Pooled.softmax(scores);
    for (int i = 0; i < visible.length; i++) {
      for (int d = 0; d < dim; d++) {
        out[d] += weights[i] * inputs.value()[visible[i] * dim + d];
      }
    }
    return out;
  }
}
