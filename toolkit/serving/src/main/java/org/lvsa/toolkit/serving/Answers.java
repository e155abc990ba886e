// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.http.Context;
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
    json(context, e.body());
  }
}
