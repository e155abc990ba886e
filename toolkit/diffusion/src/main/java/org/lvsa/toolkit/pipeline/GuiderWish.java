// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Options of a guider that go before the model's own; what is empty stays as the model has it.
 *
 * @param rescale see {@link Guider}, as the others
 */
public record GuiderWish(
    OptionalDouble rescale, OptionalDouble start, OptionalDouble stop, Optional<Boolean> original) {
  /** Nothing is asked for. */
  public static final GuiderWish NONE =
      new GuiderWish(
          OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty(), Optional.empty());

  /** Whether anything is asked for. */
  public boolean asks() {
    return !equals(NONE);
  }

  /**
   * The guider with what is asked for.
   *
   * @param own the model's; empty if it has none
   * @return empty if there is none and nothing is asked for
   * @throws IllegalArgumentException if the options do not go together
   */
  public Optional<Guider> over(Optional<Guider> own) {
    if (!asks()) {
      return own;
    }
    Guider base = own.orElse(Guider.PLAIN);
    return Optional.of(
        new Guider(
            rescale.orElse(base.rescale()),
            start.orElse(base.start()),
            stop.orElse(base.stop()),
            original.orElse(base.original())));
  }
}
