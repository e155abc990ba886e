// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.javalin.http.Context;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Objects;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.jobs.Jobs;

/** What is told of the server itself, the page for people, and the profiler. */
final class StatusRoutes {
  private static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
          + " media-src 'self' blob:; img-src 'self' blob: data:; form-action 'none';"
          + " base-uri 'none'; frame-ancestors 'none'";

  private static final String STAGES = "stages";

  private final Jobs jobs;
  private final ServerMetrics metrics;
  private final Profiler profiler;
  private final String model;
  private final String version;
  private final long begun = System.currentTimeMillis() / 1000;

  StatusRoutes(Jobs jobs, ServerMetrics metrics, Profiler profiler, String model, String version) {
    this.jobs = jobs;
    this.metrics = metrics;
    this.profiler = profiler;
    this.model = model;
    this.version = version;
  }

  /** Whether work can be sent. */
  void health(Context context) {
    boolean stops = jobs.runner().isStopped();
    ObjectNode body = Json.object().put("status", stops ? "unhealthy" : "healthy");
    if (stops) {
      body.put("reason", "the server stops");
      context.status(503);
    }
    Answers.json(context, body);
  }

  /** The toolkit's version. */
  void version(Context context) {
    Answers.json(context, Json.object().put("version", version));
  }

  /** The model that is served. */
  void models(Context context) {
    ObjectNode body = Json.object().put("object", "list");
    body.putArray("data")
        .addObject()
        .put("id", model)
        .put("object", "model")
        .put("created", begun)
        .put("owned_by", "lvsa");
    Answers.json(context, body);
  }

  /** Figures. */
  void metrics(Context context) {
    context.contentType("text/plain; version=0.0.4; charset=utf-8");
    context.result(metrics.text());
  }

  /** Begins a profile. */
  void startProfile(Context context) {
    checkStages(context);
    Answers.json(context, Json.object().put("folder", profiler.start()));
  }

  /** Ends a profile. */
  void stopProfile(Context context) {
    checkStages(context);
    Answers.json(context, Json.object().put("file", profiler.stop()));
  }

  /** A client may name the stages to record; this server has one, number 0, which makes videos. */
  private static void checkStages(Context context) {
    JsonNode body = Incoming.optionalObject(context);
    for (String name : (Iterable<String>) body::fieldNames) {
      if (!name.equals(STAGES)) {
        throw new ApiException(
            Fault.UNKNOWN_FIELD,
            Messages.unknown("field", name, List.of(STAGES)),
            Messages.cut(name));
      }
    }
    JsonNode stages = body.path(STAGES);
    boolean isAll = stages.isMissingNode() || stages.isNull();
    if (!isAll && !stages.equals(Json.array().add(0))) {
      throw new ApiException(
          Fault.INVALID_VALUE,
          "stages must be [0], the only stage that there is, got " + Messages.cut(stages),
          STAGES);
    }
  }

  /** The page. */
  void page(Context context) {
    resource(context, "page.html", "text/html; charset=utf-8");
  }

  /** The page's program. */
  void script(Context context) {
    resource(context, "page.js", "text/javascript; charset=utf-8");
  }

  /** The page's looks. */
  void style(Context context) {
    resource(context, "page.css", "text/css; charset=utf-8");
  }

  private static void resource(Context context, String name, String type) {
    try (InputStream in =
        Objects.requireNonNull(StatusRoutes.class.getResourceAsStream(name), name)) {
      context.header("Content-Security-Policy", POLICY);
      context.header("Cache-Control", "no-cache");
      context.contentType(type);
      context.result(in.readAllBytes());
    } catch (IOException e) {
      throw new IllegalStateException("the page is not in the jar", e);
    }
  }
}
