// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A thread of the operating system, for work that takes long without waiting where Java could tell:
 * a disk that syncs inside a native library, a large picture. A virtual thread that did it itself
 * would hold one of the few threads that carry all requests, and their answers would come late. It
 * lets the work be done here and waits, which costs nobody anything.
 */
public final class WorkThread implements AutoCloseable {
  private final ExecutorService thread;

  /** A thread that begins with the first work, which is done in the order in which it comes. */
  public WorkThread(String name) {
    thread = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name(name).factory());
  }

  /**
   * Work that gives something.
   *
   * @param <T> what it gives
   * @param <E> what it may throw beside unchecked exceptions
   */
  @FunctionalInterface
  public interface Task<T, E extends Exception> {
    /** Does it. */
    T run() throws E;
  }

  /** Does work there. What it throws is thrown here. */
  public <T, E extends Exception> T call(Task<T, E> task) throws E {
    CompletableFuture<T> done = new CompletableFuture<>();
    thread.execute(
        () -> {
          try {
            done.complete(task.run());
          } catch (Exception | Error e) {
            done.completeExceptionally(e);
          }
        });
    try {
      return done.join();
    } catch (CompletionException e) {
      throw WorkThread.<E>thrown(e.getCause());
    }
  }

  @SuppressWarnings("unchecked") // What is neither unchecked nor an error can only be an E.
  private static <E extends Exception> E thrown(Throwable cause) {
    switch (cause) {
      case RuntimeException unchecked -> throw unchecked;
      case Error error -> throw error;
      default -> {
        return (E) cause;
      }
    }
  }

  /** Ends it after the work that it has. */
  @Override
  public void close() {
    thread.close();
  }
}
