// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.SocketException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.jobs.FakeMaker;
import org.lvsa.toolkit.jobs.JobRunner;

/**
 * Answers that are sent before the request's body has come whole. A client that sends all of its
 * body before it reads gets them too.
 */
@Timeout(240)
class EarlyAnswersTest {
  /** More than the buffers of a connection hold, so that the server has to read it. */
  private static final int BODY = 24 << 20;

  /** More than the server reads after its answer. */
  private static final long ENDLESS = 400L << 20;

  @TempDir private Path folder;

  private TestServer start(FakeMaker maker, Optional<String> key) throws IOException {
    Bounds bounds = new Bounds(100, 200_000, 50_000, 4096, 4096, 10_000_000);
    return TestServer.start(
        folder,
        maker,
        s ->
            TestServer.with(
                s,
                bounds,
                new ServerSettings.Address("127.0.0.1", 0, key, Set.of()),
                new JobRunner.Limits(1, Duration.ZERO)));
  }

  private static String head(String line, String type, long length) {
    return line
        + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
        + type
        + "\r\nContent-Length: "
        + length
        + "\r\n\r\n";
  }

  private static void sendBody(RawClient client, long length) throws IOException {
    byte[] part = new byte[1 << 16];
    for (long sent = 0; sent < length; sent += part.length) {
      client.send(part);
    }
  }

  /** The whole answer to a request that is sent whole first. */
  private static String late(TestServer server, String line, String type) throws IOException {
    try (RawClient client = new RawClient(server)) {
      client.send(head(line, type, BODY));
      sendBody(client, BODY);
      return client.answer();
    }
  }

  private static void assertRefused(int status, String code, String answer) {
    assertTrue(answer.startsWith("HTTP/1.1 " + status + " "), answer);
    assertTrue(answer.contains("\"code\":\"" + code + "\""), answer);
    assertTrue(answer.contains("\r\nConnection: close\r\n"), answer);
  }

  @ParameterizedTest
  @CsvSource({
    "POST /v1/videos, application/json, 413, body_too_large",
    "POST /v1/videos, multipart/form-data; boundary=b, 413, body_too_large",
    "POST /v1/images/generations, application/json, 413, body_too_large",
    "PUT /v1/videos, application/json, 405, method_not_allowed",
    "POST /v1/nothing, application/json, 404, not_found",
    "DELETE /v1/videos/none, application/json, 404, not_found",
  })
  void anAnswerWaitsForAClientThatSendsItsBodyFirst(
      String line, String type, int status, String code) throws Exception {
    try (TestServer server = start(FakeMaker.quick(), Optional.empty())) {
      assertRefused(status, code, late(server, line, type));
      server.await(server.submit("still there"), "completed");
    }
  }

  @Test
  void soDoesTheRefusalOfAKey() throws Exception {
    try (TestServer server = start(FakeMaker.quick(), Optional.of("secret"))) {
      assertRefused(
          401,
          "invalid_api_key",
          late(server, "POST /v1/videos", "multipart/form-data; boundary=b"));
    }
  }

  @Test
  void soDoesTheRefusalOfAFullQueue() throws Exception {
    FakeMaker maker = FakeMaker.held();
    try (TestServer server = start(maker, Optional.empty())) {
      server.await(server.submit("runs"), "in_progress");
      server.submit("waits");
      String answer = late(server, "POST /v1/videos", "application/json");
      assertRefused(429, "queue_full", answer);
      assertTrue(answer.contains("\r\nRetry-After: "), answer);
      maker.release();
    }
  }

  /** Whoever sends for ever is cut off. */
  @ParameterizedTest
  @ValueSource(strings = {"POST /v1/videos", "GET /health"})
  void anEndlessBodyIsNotReadForEver(String line) throws Exception {
    try (TestServer server = start(FakeMaker.quick(), Optional.empty());
        RawClient client = new RawClient(server)) {
      client.send(head(line, "application/json", ENDLESS));
      assertThrows(SocketException.class, () -> sendBody(client, ENDLESS));
    }
  }

  /** The next request over it would be lost. */
  @ParameterizedTest
  @ValueSource(strings = {"GET /health", "POST /metrics", "HEAD /v1/videos/none/content"})
  void whoSendsABodyThatNobodyReadsIsToldThatTheConnectionCloses(String line) throws Exception {
    try (TestServer server = start(FakeMaker.quick(), Optional.empty());
        RawClient client = new RawClient(server)) {
      client.send(head(line, "text/plain", 7));
      String head = client.head();
      assertTrue(head.contains("\r\nConnection: close\r\n"), head);
    }
  }

  /** What a client is not told, it finds out with the next request, which is lost. */
  @ParameterizedTest
  @CsvSource({
    "POST /v1/videos, multipart/form-data; boundary=b",
    "POST /v1/videos, multipart/form-data",
    "POST /v1/videos, application/json",
    "POST /v1/videos, text/plain",
    "GET /../../../etc/passwd, text/plain",
    "GET /nothing, text/plain",
  })
  void aConnectionIsClosedOnlyIfTheClientIsTold(String line, String type) throws Exception {
    try (TestServer server = start(FakeMaker.quick(), Optional.empty());
        RawClient client = new RawClient(server)) {
      client.send(head(line, type, 0));
      String answer = client.answer();
      assertTrue(answer.startsWith("HTTP/1.1 4"), answer);
      boolean isToldToClose = answer.contains("\r\nConnection: close\r\n");
      if (isToldToClose) {
        assertEquals("", client.untilClosed());
      } else {
        client.send("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        assertTrue(client.answer().startsWith("HTTP/1.1 200"), "the next request over it");
      }
    }
  }

  @Test
  void aConnectionIsKeptWhereTheBodyWasRead() throws Exception {
    try (TestServer server = start(FakeMaker.quick(), Optional.empty());
        RawClient client = new RawClient(server)) {
      for (int i = 0; i < 3; i++) {
        String json = "{\"prompt\": \"a\"}";
        client.send(head("POST /v1/videos", "application/json", json.length()) + json);
        String answer = client.answer();
        assertTrue(answer.startsWith("HTTP/1.1 200 "), answer);
        server.await(
            Json.parse(answer.substring(answer.indexOf('{')), "job").get("id").textValue(),
            "completed");
      }
      assertEquals(3, server.server().jobs().store().page(Optional.empty(), 9, true).jobs().size());
    }
  }
}
