// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.blocks.BlockSequence;

/**
 * Measures MagCache's ratios for one branch: the mean over tokens of the length of a step's
 * residual over the one of the step before. The first step's ratio is 1. Nothing is cached. With
 * several lists of blocks the ratios are those of the first list.
 */
final class MagCalibration implements WholeContext.Gate {
  private final List<Double> ratios;
  private String firstList;

  /** Of each token's residual, the sum of the squares; none before the first step. */
  private double[] previous;

  /** Adds the ratios to a list. */
  MagCalibration(List<Double> ratios) {
    this.ratios = ratios;
  }

  @Override
  public boolean cached(BlockSequence first, boolean buffered) {
    firstList = first.name();
    return false;
  }

  @Override
  public void computed(BlockSequence blocks, Residual residual) {
    if (!blocks.name().equals(firstList)) {
      return;
    }
    double[] now = residual.hidden().squares();
    ratios.add(previous == null ? 1 : Differences.magnitudes(previous, now));
    previous = now;
  }

  /** The ratios of several branches, averaged step by step. */
  static List<Double> mean(List<List<Double>> branches) {
    List<Double> mean = new ArrayList<>();
    int steps = branches.stream().mapToInt(List::size).min().orElse(0);
    for (int step = 0; step < steps; step++) {
      int at = step;
      mean.add(branches.stream().mapToDouble(ratios -> ratios.get(at)).average().orElseThrow());
    }
    return mean;
  }
}
