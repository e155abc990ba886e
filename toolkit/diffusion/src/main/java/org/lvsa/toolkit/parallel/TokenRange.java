// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.util.List;
import java.util.stream.IntStream;

/**
 * One rank's tokens of a sequence. All ranks have equally many: where a sequence does not divide,
 * the last ones hold padding behind its end.
 *
 * @param first number of the first token
 * @param count number of tokens, padding included
 * @param whole tokens of the sequence, without padding
 */
public record TokenRange(int first, int count, int whole) {
  /** The part of one rank of several. */
  public static TokenRange of(int whole, int rank, int ranks) {
    int count = Math.ceilDiv(whole, ranks);
    return new TokenRange(rank * count, count, whole);
  }

  /** The parts of all ranks, in their order. */
  public static List<TokenRange> all(int whole, int ranks) {
    return IntStream.range(0, ranks).mapToObj(rank -> of(whole, rank, ranks)).toList();
  }

  /** The token at a place of this part; padding counts as the last token. */
  public int token(int place) {
    return Math.min(first + place, whole - 1);
  }

  /** Tokens of this part that are no padding. */
  public int real() {
    return Math.clamp(whole - (long) first, 0, count);
  }
}
