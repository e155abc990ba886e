// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

/** Refusals of parameters, in one wording. */
final class Checks {
  private Checks() {}

  static void atLeast(String name, int value, int least) {
    if (value < least) {
      throw new IllegalArgumentException(name + " must be at least " + least + ", got " + value);
    }
  }

  /** Refuses a number that is not above 0. */
  static void positive(String name, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(name + " must be a number above 0, got " + value);
    }
  }

  /** Refuses a number outside of 0 to 1, both allowed. */
  static void share(String name, double value) {
    if (!(value >= 0 && value <= 1)) {
      throw new IllegalArgumentException(name + " must lie within 0 and 1, got " + value);
    }
  }
}
