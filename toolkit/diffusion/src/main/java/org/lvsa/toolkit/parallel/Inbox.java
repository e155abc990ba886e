// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;

/**
 * What has come from the other ranks: numbers that nobody has asked for yet, and the first failure
 * of any rank. Whoever waits for a rank's numbers learns of another rank's failure at once, whether
 * or not it exchanges anything with that one.
 *
 * <p>The queues stay short without a limit: a rank sends its next numbers to this one only after it
 * got this one's last.
 */
final class Inbox {
  private final List<Queue<float[]>> arrived = new ArrayList<>();
  private final boolean[] left;
  private RankFailure failure;

  /**
   * @param world ranks together
   */
  Inbox(int world) {
    for (int rank = 0; rank < world; rank++) {
      arrived.add(new ArrayDeque<>());
    }
    left = new boolean[world];
  }

  /** Numbers came from a rank. */
  synchronized void put(int from, float[] part) {
    arrived.get(from).add(part);
    notifyAll();
  }

  /** A rank has done its work and says nothing more. */
  synchronized void leave(int rank) {
    left[rank] = true;
    notifyAll();
  }

  /** Whether a rank has done its work. */
  synchronized boolean left(int rank) {
    return left[rank];
  }

  /** A rank gave up or is gone; the first one's failure counts. */
  synchronized void fail(RankFailure its) {
    failure = failure == null ? its : failure;
    notifyAll();
  }

  /**
   * Does nothing as long as all ranks are well.
   *
   * @throws RankFailure if one gave up or is gone
   */
  synchronized void check() {
    if (failure != null) {
      throw failure.again();
    }
  }

  /**
   * Waits for a rank's next numbers.
   *
   * @throws RankFailure if a rank gave up or is gone, or this one sends nothing for too long
   */
  synchronized float[] take(int from, Duration patience) {
    long end = System.nanoTime() + patience.toNanos();
    try {
      while (arrived.get(from).isEmpty()) {
        check();
        if (left[from]) {
          throw new RankFailure(from, "left");
        }
        long millis = (end - System.nanoTime()) / 1_000_000;
        if (millis <= 0) {
          throw new RankFailure(from, "sent nothing for " + Arrivals.seconds(patience));
        }
        wait(millis);
      }
      return arrived.get(from).remove();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for rank " + from, e);
    }
  }
}
