// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import io.javalin.http.HandlerType;

/** Everything that the server answers. {@code docs/serving.md} has the same table. */
public enum Route {
  /** The page for people. */
  PAGE(HandlerType.GET, "/", true),
  /** The page's program. */
  PAGE_SCRIPT(HandlerType.GET, "/page.js", true),
  /** The page's looks. */
  PAGE_STYLE(HandlerType.GET, "/page.css", true),
  /** Submits a video. */
  CREATE(HandlerType.POST, "/v1/videos", false),
  /** Makes a video and answers with its file. */
  CREATE_SYNC(HandlerType.POST, "/v1/videos/sync", false),
  /** Lists videos. */
  LIST(HandlerType.GET, "/v1/videos", false),
  /** One video's state. */
  RETRIEVE(HandlerType.GET, "/v1/videos/{id}", false),
  /** One video's file. */
  CONTENT(HandlerType.GET, "/v1/videos/{id}/content", false),
  /** One video's file without its content. */
  CONTENT_HEAD(HandlerType.HEAD, "/v1/videos/{id}/content", false),
  /** Cancels and removes a video. */
  DELETE(HandlerType.DELETE, "/v1/videos/{id}", false),
  /** Makes pictures. */
  IMAGES(HandlerType.POST, "/v1/images/generations", false),
  /** The model that is served. */
  MODELS(HandlerType.GET, "/v1/models", false),
  /** Whether the server can be sent work. */
  HEALTH(HandlerType.GET, "/health", true),
  /** The toolkit's version. */
  VERSION(HandlerType.GET, "/version", true),
  /** Figures for Prometheus. */
  METRICS(HandlerType.GET, "/metrics", false),
  /** Begins to record a profile. */
  START_PROFILE(HandlerType.POST, "/start_profile", false),
  /** Ends the profile, and keeps it. */
  STOP_PROFILE(HandlerType.POST, "/stop_profile", false);

  private final HandlerType method;
  private final String path;
  private final boolean open;

  Route(HandlerType method, String path, boolean open) {
    this.method = method;
    this.path = path;
    this.open = open;
  }

  HandlerType method() {
    return method;
  }

  String path() {
    return path;
  }

  /** Whether it is answered without an API key: it tells nothing of anybody's videos. */
  boolean isOpen() {
    return open;
  }

  /** Whether what is asked for stands in the request's body. */
  boolean readsBody() {
    return switch (this) {
      case CREATE, CREATE_SYNC, IMAGES, START_PROFILE, STOP_PROFILE -> true;
      default -> false;
    };
  }

  /** As the documentation writes it: {@code GET /v1/videos}. */
  @Override
  public String toString() {
    return method + " " + path;
  }
}
