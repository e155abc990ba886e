// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;

/** Work in a {@link JobRunner}'s queue: to wait for its end, or to end it. */
public final class Ticket {
  private final Work work;
  private final AtomicReference<JobError> stop = new AtomicReference<>();
  private final CompletableFuture<Optional<JobError>> end = new CompletableFuture<>();

  Ticket(Work work) {
    this.work = work;
  }

  Work work() {
    return work;
  }

  /** The work is to end at its next step; the first reason counts. */
  void stop(JobError why) {
    stop.compareAndSet(null, why);
  }

  /** Throws if the work is to end. */
  void check() {
    JobError why = stop.get();
    if (why != null) {
      throw new JobStopped(why);
    }
  }

  void end(Optional<JobError> error) {
    end.complete(error);
  }

  /** Whether nothing more will happen. */
  public boolean isEnded() {
    return end.isDone();
  }

  /**
   * Waits for the end of the work.
   *
   * @return the error with which it ended; empty if it was made
   * @throws TimeoutException if it has not ended by then
   */
  public Optional<JobError> await(Duration patience) throws InterruptedException, TimeoutException {
    try {
      return end.get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    }
  }
}
