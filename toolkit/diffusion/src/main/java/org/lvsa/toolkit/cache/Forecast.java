// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.blocks.Tokens;

/**
 * What a stream gains at a step that is not computed: the value of the last computed step and, with
 * an order above 0, its Taylor series with divided differences as derivatives (TaylorSeer).
 *
 * <p>A difference of step i+1 is {@code (d_i − earlier d_i) / steps between}; at the first two
 * steps of a run none is taken, as published. Steps are counted from the run's first; the published
 * code begins to count late in a new context, which leaves out one more derivative.
 */
final class Forecast implements AutoCloseable {
  private static final int FIRST_WITH_DERIVATIVES = 2;

  private final int order;
  private List<Tokens> derivatives = new ArrayList<>();
  private int last;

  Forecast(int order) {
    this.order = order;
  }

  /** Whether there is a computed step. */
  boolean known() {
    return !derivatives.isEmpty();
  }

  /** The value of the last computed step, which stays this forecast's to free. */
  Tokens value() {
    return derivatives.getFirst();
  }

  /**
   * A step was computed.
   *
   * @param value what the stream gained; freed by this forecast
   */
  void update(int step, Tokens value) {
    if (known() && !derivatives.getFirst().isLike(value)) {
      close();
    }
    List<Tokens> now = new ArrayList<>(List.of(value));
    int between = step - last;
    for (int i = 0; i < order && i < derivatives.size() && step >= FIRST_WITH_DERIVATIVES; i++) {
      Tokens derivative = now.get(i).copy();
      derivative.becomeSlope(derivatives.get(i), between);
      now.add(derivative);
    }
    close();
    derivatives = now;
    last = step;
  }

  /** Adds to a stream what it would gain at a step. */
  void addTo(Tokens stream, int step) {
    double factor = 1;
    for (int i = 0; i < derivatives.size(); i++) {
      stream.add((float) factor, derivatives.get(i));
      factor *= (double) (step - last) / (i + 1);
    }
  }

  void save(CacheState.Part to) {
    to.put("last", last, derivatives.size());
    for (int i = 0; i < derivatives.size(); i++) {
      to.put("d" + i, derivatives.get(i));
    }
  }

  void restore(CacheState.Part from) {
    double[] numbers = from.numbers("last", 2);
    last = (int) numbers[0];
    for (int i = 0; i < numbers[1]; i++) {
      derivatives.add(from.tokens("d" + i));
    }
  }

  @Override
  public void close() {
    derivatives.forEach(Tokens::close);
    derivatives = new ArrayList<>();
  }
}
