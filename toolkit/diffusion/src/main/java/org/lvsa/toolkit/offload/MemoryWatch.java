// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.offload;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.concurrent.locks.LockSupport;

/**
 * The most memory that this process had while something ran, as Linux counts it: looked at some
 * hundred times per second by a thread.
 */
final class MemoryWatch implements AutoCloseable {
  private static final Path COUNTS = Path.of("/proc/self/statm");
  private static final long PAGE = 4096;
  private static final long INTERVAL_NANOS = 5_000_000;

  private final Thread thread;
  private volatile boolean ended;
  private long most;

  MemoryWatch() {
    look();
    thread =
        Thread.ofPlatform()
            .daemon()
            .name("memory watch")
            .start(
                () -> {
                  while (!ended) {
                    look();
                    LockSupport.parkNanos(INTERVAL_NANOS);
                  }
                });
  }

  private synchronized void look() {
    most = Math.max(most, now().orElse(0));
  }

  /** Bytes that the process has in memory now; empty where the system does not tell. */
  static OptionalLong now() {
    try {
      return OptionalLong.of(Long.parseLong(Files.readString(COUNTS).split(" ")[1]) * PAGE);
    } catch (IOException | RuntimeException e) {
      return OptionalLong.empty();
    }
  }

  /** The most so far; empty where the system does not tell. */
  synchronized OptionalLong most() {
    look();
    return most > 0 ? OptionalLong.of(most) : OptionalLong.empty();
  }

  @Override
  public void close() {
    ended = true;
    LockSupport.unpark(thread);
  }
}
