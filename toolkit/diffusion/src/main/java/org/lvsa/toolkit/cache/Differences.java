// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import org.lvsa.toolkit.blocks.Tokens;

/** Relative differences of streams of tokens, summed in float64 in a fixed order. */
final class Differences {
  private Differences() {}

  /**
   * Sums of one or more streams.
   *
   * @param difference sum of absolute differences
   * @param size sum of absolute values of the earlier stream
   */
  record Sums(double difference, double size) {
    /** The relative difference; not a number if the earlier stream is zero and the other too. */
    double relative() {
      return difference / size;
    }
  }

  /**
   * The sums for two streams of one shape, {@code […, width]}.
   *
   * @param every takes each so-manieth feature
   * @param important takes only tokens whose own relative difference is above this, if there are
   *     any; 0 takes all
   */
  static Sums of(Tokens earlier, Tokens now, int every, double important) {
    Tokens.Changes each = earlier.changes(now, every);
    int tokens = each.size().length;
    boolean some = false;
    for (int token = 0; token < tokens && important > 0; token++) {
      some |= each.difference()[token] / each.size()[token] > important;
    }
    double difference = 0;
    double size = 0;
    for (int token = 0; token < tokens; token++) {
      if (!some || each.difference()[token] / each.size()[token] > important) {
        difference += each.difference()[token];
        size += each.size()[token];
      }
    }
    return new Sums(difference, size);
  }

  /**
   * The mean over tokens of the ratio of two streams' lengths: MagCache's ratio of magnitudes.
   *
   * @param earlier the sum of each token's squares
   * @param now as {@code earlier}
   */
  static double magnitudes(double[] earlier, double[] now) {
    double sum = 0;
    for (int token = 0; token < now.length; token++) {
      sum += Math.sqrt(now[token]) / Math.sqrt(earlier[token]);
    }
    return sum / now.length;
  }
}
