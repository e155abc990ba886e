// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.time.Duration;

/**
 * How long a rank waits for the others before it gives up.
 *
 * @param joining from the start of the run until all ranks are connected; JVMs that start together
 *     on a busy machine need many seconds
 * @param exchange until the next number of another rank arrives; a slow rank is not a dead one, so
 *     the time has to be longer than the longest computation between two exchanges
 */
public record Patience(Duration joining, Duration exchange) {
  /** One minute to join, half an hour per exchange. */
  public static final Patience DEFAULT =
      new Patience(Duration.ofMinutes(1), Duration.ofMinutes(30));

  /**
   * Checks the times.
   *
   * @throws IllegalArgumentException if one is not between a millisecond and 24 days
   */
  public Patience {
    check("joining", joining);
    check("exchange", exchange);
  }

  private static void check(String name, Duration time) {
    if (time.compareTo(Duration.ofMillis(1)) < 0 || time.compareTo(Duration.ofDays(24)) > 0) {
      throw new IllegalArgumentException(
          "patience for " + name + " must be from 1 ms to 24 days, got " + time);
    }
  }
}
