// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.util.Locale;
import java.util.stream.Stream;

/** A score from 0 to 100 in a word. */
public enum Verdict {
  /** 90 or more. */
  EXCELLENT(90),
  /** 70 or more. */
  GOOD(70),
  /** 50 or more. */
  FAIR(50),
  /** 30 or more. */
  POOR(30),
  /** Less, or not a number. */
  BAD(Double.NEGATIVE_INFINITY);

  private final double least;

  Verdict(double least) {
    this.least = least;
  }

  /** The word for a score. */
  public static Verdict of(double score) {
    return Stream.of(values()).filter(verdict -> score >= verdict.least).findFirst().orElse(BAD);
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
