// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.http.Context;
import io.javalin.http.HandlerType;
import io.javalin.http.Header;
import java.nio.charset.StandardCharsets;

/** Writes answers. */
final class Answers {
  private Answers() {}

  /** JSON. */
  static void json(Context context, JsonNode body) {
    context.contentType("application/json");
    context.result(body.toString().getBytes(StandardCharsets.UTF_8));
  }

  /** An error. */
  static void error(Context context, ApiException e) {
    context.status(e.fault().status());
    if (context.method() == HandlerType.POST) {
      // The body may not have been read whole; Jetty then closes the connection, which a client has
      // to know before it sends its next request over it.
      context.header(Header.CONNECTION, "close");
    }
    json(context, e.body());
  }
}
