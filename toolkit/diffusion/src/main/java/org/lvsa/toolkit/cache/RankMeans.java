// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

/**
 * Sums over all ranks, where each rank holds a part of the tokens: all ranks have to decide alike.
 */
@FunctionalInterface
public interface RankMeans {
  /** Every rank holds all tokens. */
  RankMeans ALONE = values -> values;

  /** The values, each summed over the ranks. */
  double[] sum(double[] values);

  /** The sums over all ranks. */
  default Differences.Sums of(Differences.Sums mine) {
    double[] all = sum(new double[] {mine.difference(), mine.size()});
    return new Differences.Sums(all[0], all[1]);
  }
}
