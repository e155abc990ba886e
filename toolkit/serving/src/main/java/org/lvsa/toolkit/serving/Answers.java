// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.http.Context;
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

  /**
   * Says that the connection closes after this answer, if the request has a body. For answers that
   * may go out before the body was read: Jetty closes the connection then without a word, and the
   * client would lose its next request over it. It does so after a form of no bytes too.
   */
  static void closeAfterBody(Context context) {
    if (context.req().getContentLengthLong() > 0
        || context.header(Header.TRANSFER_ENCODING) != null
        || context.isMultipart()) {
      context.header(Header.CONNECTION, "close");
    }
  }

  /** An error. */
  static void error(Context context, ApiException e) {
    context.status(e.fault().status());
    closeAfterBody(context);
    json(context, e.body());
  }
}
