// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

import org.lvsa.toolkit.io.Messages;

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

  /**
   * Reads {@code HEIGHTxWIDTH}, both in patches.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static PatchGrid parse(String text) {
    if (!text.matches("[1-9]\\d{0,8}x[1-9]\\d{0,8}")) {
      throw new IllegalArgumentException(
          "a grid is HEIGHTxWIDTH in patches, got " + Messages.cut(text));
    }
    String[] sides = text.split("x");
    PatchGrid grid = new PatchGrid(Integer.parseInt(sides[0]), Integer.parseInt(sides[1]));
    if ((double) grid.rows * grid.columns > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("a grid has at most 2^31-1 patches, got " + text);
    }
    return grid;
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
