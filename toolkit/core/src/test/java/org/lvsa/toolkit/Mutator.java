// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Damages files at random, the same way for the same seed. */
public final class Mutator {
  private static final List<String> WORDS =
      List.of(
          "-1",
          "0",
          "1e999",
          "NaN",
          "null",
          "{}",
          "[]",
          "\"\"",
          "2147483648",
          "\\ud800",
          "\u0000",
          "9223372036854775807",
          "99999999999999999999",
          "../../etc/passwd",
          ",",
          "\n",
          "\"",
          "true");

  private final SplittableRandom random;

  /** A mutator of its own sequence. */
  public Mutator(long seed) {
    this.random = new SplittableRandom(seed);
  }

  /** How many mutations of each kind a run makes: the property {@code lvsa.fuzz}, else a few. */
  public static int count(int few) {
    return Integer.getInteger("lvsa.fuzz", few);
  }

  /** The bytes with one to four damages. */
  public byte[] mutate(byte[] bytes) {
    byte[] mutated = bytes.clone();
    for (int i = random.nextInt(1, 5); i > 0; i--) {
      mutated = once(mutated);
    }
    return mutated;
  }

  private byte[] once(byte[] bytes) {
    if (bytes.length == 0) {
      return new byte[] {(byte) random.nextInt(256)};
    }
    int at = random.nextInt(bytes.length);
    // Most of what matters stands at the beginning.
    at = random.nextBoolean() ? at : at % Math.min(bytes.length, 400);
    int length = Math.min(random.nextInt(1, 40), bytes.length - at);
    byte[] word = WORDS.get(random.nextInt(WORDS.size())).getBytes(StandardCharsets.UTF_8);
    switch (random.nextInt(7)) {
      case 0 -> {
        bytes[at] ^= (byte) (1 << random.nextInt(8));
        return bytes;
      }
      case 1 -> {
        bytes[at] = (byte) random.nextInt(256);
        return bytes;
      }
      case 2 -> {
        return Arrays.copyOf(bytes, at);
      }
      case 3 -> {
        return replaced(bytes, at, length, new byte[0]);
      }
      case 4 -> {
        return replaced(bytes, at, 0, Arrays.copyOfRange(bytes, at, at + length));
      }
      case 5 -> {
        return replaced(bytes, at, 0, word);
      }
      default -> {
        return replaced(bytes, at, Math.min(word.length, bytes.length - at), word);
      }
    }
  }

  private static byte[] replaced(byte[] bytes, int at, int length, byte[] by) {
    byte[] result = new byte[bytes.length - length + by.length];
    System.arraycopy(bytes, 0, result, 0, at);
    System.arraycopy(by, 0, result, at, by.length);
    System.arraycopy(bytes, at + length, result, at + by.length, bytes.length - at - length);
    return result;
  }
}
