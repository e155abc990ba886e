// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

/**
 * How exactly the scores of queries and keys are computed. Nobody gets less than {@link #FULL} who
 * did not ask for it.
 */
public enum Precision {
  /** From the numbers as they were given. */
  FULL,
  /**
   * From numbers rounded to 8 bits: a query has a scale, and so have 32 keys together, from which
   * their mean is subtracted first. Weights and values are those of {@link #FULL}. What would be
   * wrong by more than about 2 % is computed in full.
   */
  INT8
}
