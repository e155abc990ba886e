// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

/** Another rank gave up, so this one cannot go on either. The message names it and its reason. */
public final class RankFailure extends IllegalStateException {
  private static final long serialVersionUID = 1;

  /** Longest reason that is passed on, in characters. */
  private static final int LONGEST = 200;

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
