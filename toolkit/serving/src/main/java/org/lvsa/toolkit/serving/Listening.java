// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.compression.CompressionStrategy;
import io.javalin.config.JavalinConfig;
import io.javalin.config.SizeUnit;
import java.nio.file.Path;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;

/**
 * Sets Jetty and Javalin so that no client can hold more than its share: of time, of memory, of
 * connections.
 */
final class Listening {
  private static final int CONNECTIONS = 2000;
  private static final int HEADER_BYTES = 16 << 10;

  /** Parts of a form, and of its fields. */
  private static final int PARTS = 64;

  /** What a body holds in memory; the rest of a larger one lies in a file while it is read. */
  private static final int IN_MEMORY = 1 << 18;

  private Listening() {}

  static void configure(JavalinConfig config, ServerSettings settings, Path uploads) {
    Bounds bounds = settings.bounds();
    config.concurrency.useVirtualThreads = true;
    config.startup.showJavalinBanner = false;
    config.startup.showOldJavalinVersionWarning = false;
    config.startup.startupWatcherEnabled = false;
    config.http.maxRequestSize = bounds.bodyBytes();
    config.http.prefer405over404 = true;
    config.http.compressionStrategy = CompressionStrategy.NONE;
    config.jetty.multipartConfig.cacheDirectory(uploads.toString());
    config.jetty.multipartConfig.maxFileSize(bounds.bodyBytes(), SizeUnit.BYTES);
    config.jetty.multipartConfig.maxTotalRequestSize(bounds.bodyBytes(), SizeUnit.BYTES);
    config.jetty.multipartConfig.maxInMemoryFileSize(IN_MEMORY, SizeUnit.BYTES);
    config.jetty.modifyHttpConfiguration(
        http -> {
          http.setSendServerVersion(false);
          http.setRequestHeaderSize(HEADER_BYTES);
        });
    config.jetty.addConnector((server, http) -> connector(server, http, settings));
    config.jetty.modifyServletContextHandler(
        context -> {
          context.setMaxFormKeys(PARTS);
          context.setMaxFormContentSize(bounds.bodyBytes());
        });
    config.jetty.modifyServer(
        server -> {
          server.addBean(new NetworkConnectionLimit(CONNECTIONS, server));
          server.setErrorHandler(Listening::failed);
        });
  }

  /** The port, with room for as many connections that wait to be accepted as there may be open. */
  static ServerConnector connector(Server server, HttpConfiguration http, ServerSettings settings) {
    ServerConnector connector =
        new LingeringConnector(
            server, new HttpConnectionFactory(http), LingeringConnector.Patience.DEFAULT);
    connector.setHost(settings.address().host());
    connector.setPort(settings.address().port());
    // Java's own 50 are few: where more clients come at once, Linux forgets some of them, and may
    // reset their connections when they go on.
    connector.setAcceptQueueSize(CONNECTIONS);
    // Of the connector, so that it holds between two requests too.
    connector.setIdleTimeout(settings.times().idle().toMillis());
    // A server's own listeners are not told of connections, only a connector's.
    connector.addBean(new SlowConnections(settings.times().headers()));
    return connector;
  }

  /**
   * What Jetty itself refuses, before it is a request for anything: a broken line, long headers. It
   * closes the connection then, which the client has to be told.
   */
  private static boolean failed(Request request, Response response, Callback callback) {
    int status = response.getStatus();
    // 501 and 505 are of requests in an encoding, or a version, that is none of this server's.
    Fault fault = status == 500 ? Fault.INTERNAL : Fault.MALFORMED_BODY;
    JsonNode body =
        new ApiException(fault, "the request cannot be read (HTTP status " + status + ")").body();
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
    response.getHeaders().put(HttpHeader.CONNECTION, "close");
    Content.Sink.write(response, true, body.toString(), callback);
    return true;
  }
}
