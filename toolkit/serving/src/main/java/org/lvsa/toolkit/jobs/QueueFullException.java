// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

/** The queue has no place left. */
public final class QueueFullException extends Exception {
  private static final long serialVersionUID = 1;

  private final int retrySeconds;

  QueueFullException(int places, int retrySeconds) {
    super("the queue is full: " + places + " jobs wait; try again later");
    this.retrySeconds = retrySeconds;
  }

  /** After how many seconds a place may be free. */
  public int retrySeconds() {
    return retrySeconds;
  }
}
