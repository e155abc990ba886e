// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import java.util.Locale;

/**
 * What can be wrong with a request, or with its answer. {@code docs/serving.md} has the same table.
 */
public enum Fault {
  /** A field that nobody knows. */
  UNKNOWN_FIELD(400, "invalid_request_error"),
  /** The body is not what its type says: broken JSON, a broken form. */
  MALFORMED_BODY(400, "invalid_request_error"),
  /** A picture, or a reference to one, that cannot be taken. */
  INVALID_IMAGE(400, "invalid_request_error"),
  /** A value that the model cannot make, or that would be changed in strict mode. */
  NOT_POSSIBLE(400, "invalid_request_error"),
  /** The key is missing or another one. */
  INVALID_API_KEY(401, "authentication_error"),
  /** A page of another site asks. */
  FORBIDDEN_ORIGIN(403, "permission_error"),
  /** The name under which this machine is asked is none of its own. */
  FORBIDDEN_HOST(403, "permission_error"),
  /** There is no such thing. */
  NOT_FOUND(404, "not_found_error"),
  /** The video is not made yet. */
  NOT_READY(404, "not_found_error"),
  /** Another method. */
  METHOD_NOT_ALLOWED(405, "invalid_request_error"),
  /** The job ends at its next step. */
  CANCELLATION_PENDING(409, "conflict_error"),
  /** The profiler runs already, or does not run. */
  PROFILER_STATE(409, "conflict_error"),
  /** The body is larger than the server takes. */
  BODY_TOO_LARGE(413, "invalid_request_error"),
  /** The body is of another type. */
  UNSUPPORTED_BODY(415, "invalid_request_error"),
  /** The range has none of the file's bytes. */
  RANGE(416, "invalid_request_error"),
  /** A value is missing, of another type, or out of its bounds. */
  INVALID_VALUE(422, "invalid_request_error"),
  /** The job failed: there is no file. */
  GENERATION_FAILED(422, "generation_error"),
  /** As many jobs wait as may. */
  QUEUE_FULL(429, "rate_limit_error"),
  /** Something in the server. */
  INTERNAL(500, "server_error"),
  /** A synchronous job failed. */
  SYNC_FAILED(500, "generation_error"),
  /** Too many large requests at a time. */
  BUSY(503, "server_error"),
  /** The server stops. */
  STOPPING(503, "server_error"),
  /** A synchronous job took too long. */
  SYNC_TIMEOUT(504, "timeout_error"),
  /** The disk, or the share of it that the videos may have, is full. */
  STORAGE_FULL(507, "server_error");

  private final int status;
  private final String type;

  Fault(int status, String type) {
    this.status = status;
    this.type = type;
  }

  int status() {
    return status;
  }

  String type() {
    return type;
  }

  /** As it stands in an error's {@code code}. */
  public String code() {
    return name().toLowerCase(Locale.ROOT);
  }
}
