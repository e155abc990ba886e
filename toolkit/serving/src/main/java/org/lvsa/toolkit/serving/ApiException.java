// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.jspecify.annotations.Nullable;
import org.lvsa.toolkit.io.Json;

/** Ends a request with an error that the client can act on. */
final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final Fault fault;
  private final @Nullable String param;

  /** With one line for people. */
  ApiException(Fault fault, String message) {
    this(fault, message, null);
  }

  /** About one field. */
  ApiException(Fault fault, String message, @Nullable String param) {
    super(message);
    this.fault = fault;
    this.param = param;
  }

  Fault fault() {
    return fault;
  }

  /** The body: {@code {"error": {"message", "type", "param", "code"}}}. */
  ObjectNode body() {
    ObjectNode body = Json.object();
    body.putObject("error")
        .put("message", getMessage())
        .put("type", fault.type())
        .put("param", param)
        .put("code", fault.code());
    return body;
  }
}
