// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.config;

import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;

/** The denoising steps at which something is logged. */
public sealed interface StepSelection {
  /** No step. */
  record None() implements StepSelection {}

  /** Every step. */
  record Every() implements StepSelection {}

  /** Only the first step of a run, whatever its number is. */
  record Once() implements StepSelection {}

  /** These steps. */
  record Listed(Set<Integer> steps) implements StepSelection {}

  /** From the first to the last, both included. */
  record Range(int first, int last) implements StepSelection {}

  /** Whether something is logged at a step. */
  default boolean selects(int step, boolean anyBefore) {
    return switch (this) {
      case None ignored -> false;
      case Every ignored -> true;
      case Once ignored -> !anyBefore;
      case Listed listed -> listed.steps().contains(step);
      case Range range -> range.first() <= step && step <= range.last();
    };
  }

  /**
   * Reads {@code 0}, {@code 1}, {@code once}, {@code N}, {@code N-M} or {@code N,M,K}.
   *
   * @throws NumberFormatException if it is none of these
   */
  static StepSelection parse(String text) {
    return switch (text) {
      case "", "0" -> new None();
      case "1" -> new Every();
      case "once" -> new Once();
      default -> {
        String[] ends = text.split("-", -1);
        if (ends.length == 2) {
          Range range =
              new Range(Integer.parseInt(ends[0].strip()), Integer.parseInt(ends[1].strip()));
          if (range.first() > range.last()) {
            throw new NumberFormatException("the range " + text + " is empty");
          }
          yield range;
        }
        yield new Listed(
            Arrays.stream(text.split(",", -1))
                .map(step -> Integer.parseUnsignedInt(step.strip()))
                .collect(Collectors.toUnmodifiableSet()));
      }
    };
  }
}
