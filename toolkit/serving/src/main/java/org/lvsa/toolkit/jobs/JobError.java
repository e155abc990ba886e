// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.io.Messages;

/**
 * Why a job failed.
 *
 * @param code for programs, such as {@code invalid_request}
 * @param message for people, one line
 */
public record JobError(String code, String message) {
  /** The client took the job back. */
  public static final String CANCELLED = "cancelled";

  /** It took longer than the server allows. */
  public static final String TIMED_OUT = "timed_out";

  /** The server stopped, or was ended, while the job ran. */
  public static final String SERVER_STOPPED = "server_stopped";

  /** The videos take more of the disk than the server may use. */
  public static final String QUOTA_EXCEEDED = "quota_exceeded";

  /** Something that a generation threw, without names of this machine's files. */
  static JobError of(Throwable e) {
    return switch (e) {
      case UncheckedIOException io -> of(io.getCause());
      case IOException io -> new JobError("storage_error", Messages.cut(reason(io)));
      case UnavailableException missing -> new JobError("not_available", text(missing));
      case IllegalArgumentException bad -> new JobError("invalid_request", text(bad));
      case OutOfMemoryError memory ->
          new JobError(
              "insufficient_memory", "this needs more memory than is free: " + text(memory));
      default -> new JobError("generation_failed", text(e));
    };
  }

  /** An output's message begins with its path, which is the server's own matter. */
  private static String reason(IOException e) {
    return e.getCause() instanceof IOException cause ? Messages.reason(cause) : Messages.reason(e);
  }

  private static String text(Throwable e) {
    return Messages.cut(e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage());
  }
}
