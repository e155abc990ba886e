// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

import java.util.Arrays;

/**
 * A permutation of a sequence's tokens. It is applied to query, key and value before attention, and
 * undone on the output.
 *
 * @param source for each new position, the old index of the token that stands there
 */
public record TokenOrder(int[] source) {

  /**
   * @throws IllegalArgumentException if an index is missing, or stands twice
   */
  public TokenOrder {
    boolean[] seen = new boolean[source.length];
    for (int index : source) {
      if (index < 0 || index >= source.length || seen[index]) {
        throw new IllegalArgumentException(
            "a token order holds every index below "
                + source.length
                + " once, got "
                + index
                + (index >= 0 && index < source.length ? " twice" : ""));
      }
      seen[index] = true;
    }
  }

  /** Every token stays where it is. */
  public static TokenOrder identity(int tokens) {
    int[] source = new int[tokens];
    Arrays.setAll(source, i -> i);
    return new TokenOrder(source);
  }

  /** Number of tokens. */
  public int tokens() {
    return source.length;
  }

  /** The order that undoes this one: for each old index, the new position of the token. */
  public TokenOrder inverse() {
    int[] inverse = new int[source.length];
    for (int position = 0; position < source.length; position++) {
      inverse[source[position]] = position;
    }
    return new TokenOrder(inverse);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TokenOrder that && Arrays.equals(source, that.source);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(source);
  }

  @Override
  public String toString() {
    return "TokenOrder[" + source.length + " tokens]";
  }
}
