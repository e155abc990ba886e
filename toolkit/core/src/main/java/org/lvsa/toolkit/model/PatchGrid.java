// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

/**
 * The patches of a frame, row by row.
 *
 * @param rows patches along the height
 * @param columns patches along the width
 */
public record PatchGrid(int rows, int columns) {
  /**
   * Patches per frame.
   *
   * @throws ArithmeticException if there are 2^31 or more
   */
  public int patches() {
    return Math.multiplyExact(rows, columns);
  }

  /** A grid with exactly this many patches, as near to a square as its divisors allow. */
  public static PatchGrid of(int patches) {
    int rows = (int) Math.sqrt(patches);
    while (patches % rows != 0) {
      rows--;
    }
    return new PatchGrid(rows, patches / rows);
  }
}
