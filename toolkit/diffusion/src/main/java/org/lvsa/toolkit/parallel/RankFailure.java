// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.io.IOException;

/** Another rank gave up, so this one cannot go on either. The message names it and its reason. */
public final class RankFailure extends IllegalStateException {
  private static final long serialVersionUID = 1;

  /** Longest reason that is passed on, in characters. */
  private static final int LONGEST = 200;

  /** The reason of a rank that ended without a word. */
  private static final String GONE = "is gone";

  private final int rank;
  private final String reason;

  /**
   * @param rank the rank that gave up first
   * @param reason why; one line
   */
  public RankFailure(int rank, String reason) {
    super("rank " + rank + " " + reason);
    this.rank = rank;
    this.reason = reason;
  }

  /** A rank that ended without a word; the cause says how its connection did. */
  static RankFailure lost(int rank, IOException cause) {
    RankFailure lost = new RankFailure(rank, GONE);
    lost.initCause(cause);
    return lost;
  }

  /** Whether the rank ended without a word, whoever noticed it first. */
  boolean lost() {
    return reason.equals(GONE);
  }

  /** The same failure, for another thread that meets it. */
  RankFailure again() {
    RankFailure same = new RankFailure(rank, reason);
    same.initCause(getCause());
    return same;
  }

  /** What a rank that gave up tells the others: the first failure, not the ones that followed. */
  static RankFailure of(int rank, Throwable cause) {
    if (cause instanceof RankFailure first) {
      return first;
    }
    String message = cause.getMessage() == null ? cause.toString() : cause.getMessage();
    String line = message.strip().replaceAll("\\s*\\R\\s*", " ");
    return new RankFailure(
        rank, "failed: " + (line.length() <= LONGEST ? line : line.substring(0, LONGEST) + "…"));
  }

  /** The rank that gave up first. */
  public int rank() {
    return rank;
  }

  /** Why, as it follows the rank in the message: {@code failed: no such file}. */
  public String reason() {
    return reason;
  }
}
