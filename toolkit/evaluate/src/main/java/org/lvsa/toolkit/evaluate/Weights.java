// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.util.Collection;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.lvsa.toolkit.io.Messages;

/**
 * How much each dimension counts in the composite score.
 *
 * @param shares of all dimensions, not negative; their sum need not be 1
 */
public record Weights(Map<Dimension, Double> shares) {
  /** The map is copied. */
  public Weights {
    shares = Map.copyOf(shares);
  }

  /** The published tool's. */
  public static Weights usual() {
    Map<Dimension, Double> shares = new EnumMap<>(Dimension.class);
    for (Dimension dimension : Dimension.values()) {
      shares.put(dimension, dimension.weight());
    }
    return new Weights(shares);
  }

  /**
   * Reads {@code spatial=0.3,temporal=0.3}; dimensions that are not named keep their usual weight.
   *
   * @param rules whether an unknown name or an entry without {@code =} is refused or, as the
   *     published tool does, left out
   * @throws IllegalArgumentException if a weight is no number of at least 0
   */
  public static Weights parse(String text, Rules rules) {
    Map<Dimension, Double> shares = new EnumMap<>(usual().shares);
    for (String entry : text.split(",")) {
      int equals = entry.indexOf('=');
      if (equals < 0) {
        if (rules == Rules.MENDED) {
          throw new IllegalArgumentException(
              "--weights needs NAME=NUMBER, got " + Messages.cut(entry));
        }
        continue;
      }
      String name = entry.substring(0, equals).strip();
      double weight = number(entry.substring(equals + 1).strip());
      Optional<Dimension> dimension = Dimension.named(name);
      if (dimension.isEmpty() && rules == Rules.MENDED) {
        throw Dimension.unknown(name);
      }
      dimension.ifPresent(known -> shares.put(known, weight));
    }
    return new Weights(shares);
  }

  private static double number(String text) {
    try {
      double value = Double.parseDouble(text);
      if (value >= 0 && value < Double.POSITIVE_INFINITY) {
        return value;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new IllegalArgumentException(
        "a weight must be a number of at least 0, got " + Messages.cut(text));
  }

  /**
   * The weights of some dimensions, divided by their sum; equal ones if that is 0.
   *
   * @return in the order of the dimensions, each once
   */
  public Map<Dimension, Double> among(Collection<Dimension> dimensions) {
    double sum = 0;
    for (Dimension dimension : Dimension.values()) {
      sum += dimensions.contains(dimension) ? shares.get(dimension) : 0;
    }
    Map<Dimension, Double> among = new EnumMap<>(Dimension.class);
    for (Dimension dimension : dimensions) {
      double equal = 1.0 / Set.copyOf(dimensions).size();
      among.put(dimension, sum > 0 ? shares.get(dimension) / sum : equal);
    }
    return among;
  }
}
