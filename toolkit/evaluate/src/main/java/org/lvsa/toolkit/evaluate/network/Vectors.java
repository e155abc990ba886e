// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.network;

/** Vectors as networks give them. */
final class Vectors {
  private Vectors() {}

  /**
   * A vector brought to length 1, in single precision as the published tool keeps it; one of zeros
   * stays.
   */
  static double[] unit(double[] vector) {
    double squares = 0;
    for (double value : vector) {
      squares += value * value;
    }
    double length = Math.sqrt(squares);
    double[] unit = new double[vector.length];
    for (int i = 0; i < unit.length; i++) {
      unit[i] = length == 0 ? 0 : (float) (vector[i] / length);
    }
    return unit;
  }
}
