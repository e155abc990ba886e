// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.io;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Runs a command and captures what it prints, with a time-out that holds: a command that hangs, or
 * that leaves a child behind which keeps its output open, is ended and does not block the caller.
 */
public final class ChildProcess {
  /** Most bytes kept of either stream; what comes after them is read and dropped. */
  private static final int MOST_BYTES = 16 << 20;

  private ChildProcess() {}

  /**
   * What came of a command.
   *
   * @param timedOut whether it was ended because its time was over
   * @param exitCode its exit code; −1 if it was ended
   * @param output what it wrote to standard output, as UTF-8
   * @param errors what it wrote to standard error, as UTF-8
   */
  public record Result(boolean timedOut, int exitCode, String output, String errors) {
    /** Whether it ended by itself with exit code 0. */
    public boolean succeeded() {
      return !timedOut && exitCode == 0;
    }
  }

  /**
   * Runs a command with an empty standard input.
   *
   * @param timeout after which the command and its children are killed
   * @throws IOException if it cannot be started, or the calling thread is interrupted
   */
  public static Result run(Duration timeout, List<String> command) throws IOException {
    return run(timeout, Map.of(), command);
  }

  /**
   * As {@link #run(Duration, List)}, with variables added to this process's environment.
   *
   * @param variables name → value
   */
  public static Result run(Duration timeout, Map<String, String> variables, List<String> command)
      throws IOException {
    long end = System.nanoTime() + timeout.toNanos();
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(variables);
    Process process;
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new IOException("cannot start " + command.getFirst() + ": " + Messages.reason(e), e);
    }
    try {
      process.getOutputStream().close();
      Captured output = Captured.of(process.getInputStream());
      Captured errors = Captured.of(process.getErrorStream());
      boolean ended = process.waitFor(left(end), TimeUnit.NANOSECONDS);
      if (ended) {
        output.await(left(end));
        errors.await(left(end));
      }
      return new Result(!ended, ended ? process.exitValue() : -1, output.text(), errors.text());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for " + command.getFirst());
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }

  /** As {@link #run(Duration, List)}. */
  public static Result run(Duration timeout, String... command) throws IOException {
    return run(timeout, List.of(command));
  }

  private static long left(long end) {
    return Math.max(end - System.nanoTime(), 1);
  }

  /** A stream that a thread of its own reads to the end, so that the command never blocks on it. */
  private record Captured(Thread reader, ByteArrayOutputStream bytes) {
    static Captured of(InputStream stream) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      Thread reader =
          Thread.ofPlatform()
              .daemon()
              .name("child process output")
              .start(() -> copy(stream, bytes));
      return new Captured(reader, bytes);
    }

    private static void copy(InputStream stream, ByteArrayOutputStream bytes) {
      byte[] buffer = new byte[8192];
      try {
        for (int n = stream.read(buffer); n >= 0; n = stream.read(buffer)) {
          bytes.write(buffer, 0, Math.min(n, MOST_BYTES - bytes.size()));
        }
      } catch (IOException e) {
        // The process was ended; what was read so far is what there is.
        return;
      }
    }

    void await(long nanos) throws InterruptedException {
      reader.join(Duration.ofNanos(nanos));
    }

    String text() {
      return bytes.toString(StandardCharsets.UTF_8);
    }
  }
}
