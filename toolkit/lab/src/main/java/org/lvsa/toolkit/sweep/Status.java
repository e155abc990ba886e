// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.sweep;

import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** The outcome of a cell. */
public enum Status {
  /** Measured, and right. */
  OK,
  /** Not tried: the cell needs more memory than there is. */
  REFUSED,
  /** Not tried: the backend cannot run this shape or data type. */
  UNSUPPORTED,
  /** Tried, and ended with an error. */
  FAILED,
  /** Measured, but a result differs from the float64 reference by more than is allowed. */
  WRONG;

  /** The word in {@code results.csv}: {@code ok}, {@code refused}, … */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The status of that word; empty if there is none. */
  static Optional<Status> of(String word) {
    return Stream.of(values()).filter(status -> status.word().equals(word)).findFirst();
  }

  @Override
  public String toString() {
    return word();
  }
}
