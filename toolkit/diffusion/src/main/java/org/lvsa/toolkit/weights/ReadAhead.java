// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * Reads files of weights with several threads before they are needed. The weights are mapped, so
 * that what was read lies in the system's file cache and is used from there: reading takes no
 * memory that others could not have.
 */
public final class ReadAhead {
  /** Threads where nobody says how many, as in the published runtime. */
  public static final int THREADS = 4;

  /** Bytes that a thread reads at a time. */
  private static final long BLOCK = 1 << 20;

  /** Bytes of one task: large files are read by several threads. */
  private static final long PIECE = 1 << 28;

  private ReadAhead() {}

  /** Bytes of some files together. */
  public static long bytes(List<Path> files) {
    return files.stream().mapToLong(ReadAhead::size).sum();
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Reads files, in their order.
   *
   * @param threads at least 1
   * @param progress is told the bytes that are read so far, from several threads
   * @throws MalformedFileException if a file cannot be read
   */
  public static void read(List<Path> files, int threads, LongConsumer progress) {
    AtomicLong done = new AtomicLong();
    List<Callable<Void>> pieces = new ArrayList<>();
    for (Path file : files) {
      long size = size(file);
      for (long from = 0; from < size; from += PIECE) {
        long begin = from;
        long end = Math.min(size, from + PIECE);
        pieces.add(
            () -> {
              read(file, begin, end, count -> progress.accept(done.addAndGet(count)));
              return null;
            });
      }
    }
    try (ExecutorService readers = Executors.newFixedThreadPool(threads)) {
      for (Future<Void> piece : readers.invokeAll(pieces)) {
        piece.get();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while weights were read", e);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof MalformedFileException malformed
          ? malformed
          : new IllegalStateException("weights cannot be read", e.getCause());
    }
  }

  private static void read(Path file, long begin, long end, LongConsumer counted) {
    // An arena frees the block at once; a direct buffer would wait for the garbage collector.
    try (FileChannel channel = FileChannel.open(file);
        Arena arena = Arena.ofConfined()) {
      ByteBuffer block = arena.allocate(Math.min(BLOCK, end - begin)).asByteBuffer();
      for (long at = begin; at < end; ) {
        block.clear().limit((int) Math.min(block.capacity(), end - at));
        int count = channel.read(block, at);
        if (count < 0) {
          throw new EOFException("it ends at byte " + at + ", not at " + end);
        }
        at += count;
        counted.accept(count);
      }
    } catch (IOException e) {
      throw new MalformedFileException(file + ": cannot be read: " + Messages.reason(e), e);
    }
  }
}
