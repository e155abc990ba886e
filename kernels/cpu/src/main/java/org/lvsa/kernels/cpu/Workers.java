// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * The threads of one kernel: the caller's, and one of its own per further processor. The common
 * pool is not used, because whatever else runs in it would take threads away from the kernel. The
 * threads end when they have had nothing to do for a while.
 */
final class Workers implements AutoCloseable {
  private static final int IDLE_SECONDS = 10;

  private final int count;
  private final ThreadPoolExecutor others;

  /**
   * @param count number of threads, the caller's included
   */
  Workers(int count) {
    this.count = count;
    int own = Math.max(1, count - 1);
    others =
        new ThreadPoolExecutor(
            own,
            own,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().name("lvsa-vector-", 1).daemon(true).factory());
    others.allowCoreThreadTimeOut(true);
  }

  /** Number of threads, the caller's included. */
  int count() {
    return count;
  }

  /**
   * Calls {@code work} once on each of {@code threads} threads, with the thread's number from 0,
   * and returns when all are done. What one of them throws is thrown here.
   */
  void run(int threads, IntConsumer work) {
    List<CompletableFuture<Void>> running =
        IntStream.range(1, threads)
            .mapToObj(thread -> CompletableFuture.runAsync(() -> work.accept(thread), others))
            .toList();
    try {
      work.accept(0);
    } finally {
      join(running);
    }
  }

  private static void join(List<CompletableFuture<Void>> running) {
    try {
      CompletableFuture.allOf(running.toArray(CompletableFuture[]::new)).join();
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        default -> throw e;
      }
    }
  }

  @Override
  public void close() {
    others.shutdown();
  }
}
