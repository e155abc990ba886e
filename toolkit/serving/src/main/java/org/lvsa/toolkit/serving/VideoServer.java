// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import io.javalin.Javalin;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import io.javalin.http.Handler;
import io.javalin.http.HttpResponseException;
import java.io.IOException;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.eclipse.jetty.http.HttpException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.jobs.JobStopped;
import org.lvsa.toolkit.jobs.Jobs;
import org.lvsa.toolkit.jobs.VideoMaker;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The video API: an HTTP server in front of one {@link VideoMaker}.
 *
 * <p>Javalin on Jetty, with a virtual thread per request. Helidon SE is as small, but has no
 * released reader of multipart forms, in which a picture arrives here.
 */
public final class VideoServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger("org.lvsa.serving");
  private static final String ROUTE = "route";

  private final ServerSettings settings;
  private final Jobs jobs;
  private final Incoming incoming;
  private final Profiler profiler;
  private final Javalin javalin;

  private VideoServer(
      ServerSettings settings, Jobs jobs, Incoming incoming, Profiler profiler, Javalin javalin) {
    this.settings = settings;
    this.jobs = jobs;
    this.incoming = incoming;
    this.profiler = profiler;
    this.javalin = javalin;
  }

  /**
   * Starts a server.
   *
   * @param maker stays the caller's to close, after the server
   * @throws IllegalArgumentException if the settings do not fit together, or the address is in use
   * @throws IOException if the jobs cannot be read
   */
  public static VideoServer start(ServerSettings settings, VideoMaker maker) throws IOException {
    ServerSettings.Address address = settings.address();
    Guard guard = new Guard(new Guard.Access(address.host(), address.apiKey(), address.origins()));
    Wishes wishes = new Wishes(maker, settings.bounds(), defaults(settings));
    ServerMetrics metrics = new ServerMetrics();
    Jobs jobs =
        Jobs.open(
            settings.jobs(),
            maker,
            settings.queue(),
            metrics,
            () -> System.currentTimeMillis() / 1000);
    metrics.watch(jobs);
    Profiler profiler = new Profiler(settings.profiles());
    Incoming incoming = new Incoming(settings.bounds(), jobs.folder().uploads());
    Map<Route, Handler> handlers =
        handlers(
            new VideoRoutes(jobs, maker, incoming, wishes, settings.times().sync()),
            new ImageRoutes(jobs, incoming, wishes, settings.times().sync()),
            new StatusRoutes(jobs, metrics, profiler, maker.model(), settings.version()));
    Javalin javalin =
        Javalin.create(
            config -> {
              Listening.configure(config, settings, jobs.folder().uploads());
              route(config, guard, handlers);
              config.requestLogger.http(
                  (context, millis) ->
                      metrics.answered(
                          Optional.ofNullable(context.<Route>attribute(ROUTE))
                              .map(Route::toString)
                              .orElse("other"),
                          context.statusCode(),
                          millis / 1000));
            });
    VideoServer server = new VideoServer(settings, jobs, incoming, profiler, javalin);
    try {
      javalin.start();
      return server;
    } catch (RuntimeException e) {
      server.close();
      throw new IllegalArgumentException(
          "cannot listen at "
              + address.host()
              + ", port "
              + address.port()
              + ": "
              + Messages.oneLine(String.valueOf(e.getMessage())),
          e);
    }
  }

  private static RequestFields defaults(ServerSettings settings) {
    try {
      return RequestFields.of(settings.defaults(), Field.Use.VIDEO);
    } catch (ApiException e) {
      throw new IllegalArgumentException("default sampling parameters: " + e.getMessage(), e);
    }
  }

  private static Map<Route, Handler> handlers(
      VideoRoutes videos, ImageRoutes images, StatusRoutes status) {
    Map<Route, Handler> handlers = new EnumMap<>(Route.class);
    handlers.put(Route.PAGE, status::page);
    handlers.put(Route.PAGE_SCRIPT, status::script);
    handlers.put(Route.PAGE_STYLE, status::style);
    handlers.put(Route.CREATE, videos::create);
    handlers.put(Route.CREATE_SYNC, videos::createSync);
    handlers.put(Route.LIST, videos::list);
    handlers.put(Route.RETRIEVE, videos::retrieve);
    handlers.put(Route.CONTENT, videos::content);
    handlers.put(Route.CONTENT_HEAD, videos::contentHead);
    handlers.put(Route.DELETE, videos::delete);
    handlers.put(Route.IMAGES, images::generate);
    handlers.put(Route.MODELS, status::models);
    handlers.put(Route.HEALTH, status::health);
    handlers.put(Route.VERSION, status::version);
    handlers.put(Route.METRICS, status::metrics);
    handlers.put(Route.START_PROFILE, status::startProfile);
    handlers.put(Route.STOP_PROFILE, status::stopProfile);
    return handlers;
  }

  private static void route(JavalinConfig config, Guard guard, Map<Route, Handler> handlers) {
    config.routes.before(context -> before(context, guard));
    for (Route route : Route.values()) {
      Handler handler = handlers.get(route);
      config.routes.addHttpHandler(
          route.method(),
          route.path(),
          context -> {
            context.attribute(ROUTE, route);
            handler.handle(context);
          });
    }
    config.routes.exception(ApiException.class, (e, context) -> Answers.error(context, e));
    config.routes.exception(
        JobStopped.class,
        (e, context) -> Answers.error(context, new ApiException(Fault.STOPPING, e.getMessage())));
    config.routes.exception(
        HttpResponseException.class,
        (e, context) -> Answers.error(context, of(e.getStatus(), String.valueOf(e.getMessage()))));
    config.routes.exception(Exception.class, VideoServer::unexpected);
  }

  private static void before(Context context, Guard guard) {
    context.header("X-Content-Type-Options", "nosniff");
    context.header("Referrer-Policy", "no-referrer");
    Optional<Route> route = route(context);
    if (!route.map(Route::readsBody).orElse(false)) {
      Answers.closeAfterBody(context);
    }
    guard.check(context, route);
  }

  /** The open route that is asked for, if it is one. */
  private static Optional<Route> route(Context context) {
    return Stream.of(Route.values())
        .filter(route -> route.path().equals(context.path()) && route.method() == context.method())
        .findFirst();
  }

  private static ApiException of(int status, String message) {
    return switch (status) {
      case 404 -> new ApiException(Fault.NOT_FOUND, "there is nothing at that path");
      case 405 -> new ApiException(Fault.METHOD_NOT_ALLOWED, "that path has no such method");
      case 413 -> new ApiException(Fault.BODY_TOO_LARGE, "the body is too large");
      case 503 -> new ApiException(Fault.STOPPING, "the server stops");
      default ->
          status < 500
              ? new ApiException(Fault.MALFORMED_BODY, Messages.cut(message))
              : new ApiException(Fault.INTERNAL, "the server failed");
    };
  }

  /** Jetty's readers of bodies throw what they find, wrapped or not. */
  private static void unexpected(Exception e, Context context) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof HttpException bad && bad.getCode() < 500) {
        Answers.error(context, of(bad.getCode(), String.valueOf(bad.getReason())));
        return;
      }
    }
    LOG.error("a request failed", e);
    Answers.error(context, new ApiException(Fault.INTERNAL, "the server failed"));
  }

  /** The port that it listens at. */
  public int port() {
    return javalin.port();
  }

  /** Its jobs. */
  Jobs jobs() {
    return jobs;
  }

  /**
   * Stops: takes no more work, lets the running job end within the grace time and cancels it then,
   * and answers until that is done.
   */
  public void stop() throws InterruptedException {
    jobs.stop(settings.times().grace());
  }

  @Override
  public void close() throws IOException {
    javalin.stop();
    incoming.close();
    profiler.close();
    jobs.close();
  }
}
