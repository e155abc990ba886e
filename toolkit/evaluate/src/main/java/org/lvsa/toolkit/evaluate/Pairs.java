// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import java.util.stream.IntStream;

/** Which of the judged frames a measure looks at: about so many, equally far apart. */
final class Pairs {
  private Pairs() {}

  /** Frames from one to the next, so that there are about {@code about}. */
  static int step(int frames, int about) {
    return Math.max(1, frames / about);
  }

  /** Single frames. */
  static int[] frames(int frames, int about) {
    return places(frames, step(frames, about));
  }

  /** First frames of pairs of consecutive judged frames. */
  static int[] pairs(int frames, int about) {
    return places(frames - 1, step(frames, about));
  }

  private static int[] places(int end, int step) {
    return IntStream.iterate(0, i -> i < end, i -> i + step).toArray();
  }
}
