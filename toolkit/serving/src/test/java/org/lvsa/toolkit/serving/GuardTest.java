// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.lvsa.toolkit.serving.TestServer.error;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.lvsa.toolkit.jobs.FakeMaker;

/** Who may ask. */
class GuardTest {
  @TempDir private Path folder;

  private TestServer start(Optional<String> key, String... origins) throws IOException {
    return TestServer.start(
        folder,
        FakeMaker.quick(),
        s -> TestServer.with(s, new ServerSettings.Address("127.0.0.1", 0, key, Set.of(origins))));
  }

  @ParameterizedTest
  @EnumSource(Route.class)
  void withAKeyEveryRouteThatTellsOfVideosAsksForIt(Route route) throws Exception {
    try (TestServer server = start(Optional.of("secret"))) {
      HttpRequest.Builder request =
          server
              .request(route.path().replace("{id}", "video_gen_" + "0".repeat(32)))
              .method(route.method().name(), BodyPublishers.noBody());
      int without = server.send(request).statusCode();
      int wrong = server.send(request.copy().header("Authorization", "Bearer sekret")).statusCode();
      int right = server.send(request.copy().header("Authorization", "Bearer secret")).statusCode();
      int other = server.send(request.copy().header("Authorization", "Basic secret")).statusCode();
      if (route.isOpen()) {
        assertEquals(200, without);
        assertEquals(200, wrong);
      } else {
        assertEquals(401, without);
        assertEquals(401, wrong);
        assertEquals(401, other);
      }
      assertFalse(right == 401);
    }
  }

  @Test
  void theKeyIsAskedForAsOpenAiDoes() throws Exception {
    try (TestServer server = start(Optional.of("secret"))) {
      HttpResponse<String> answer = server.get("/v1/videos");
      assertEquals("invalid_api_key", error(401, answer).get("code").textValue());
      assertEquals("authentication_error", error(401, answer).get("type").textValue());
      assertEquals("Bearer", answer.headers().firstValue("WWW-Authenticate").orElseThrow());
      error(401, server.get("/nothing"));
    }
  }

  @Test
  void aHostThatOthersReachNeedsAKey() {
    Guard.Access open = new Guard.Access("0.0.0.0", Optional.empty(), Set.of());
    String message =
        assertThrows(IllegalArgumentException.class, () -> new Guard(open)).getMessage();
    assertTrue(message.contains("an API key is required"), message);
    assertThrows(
        IllegalArgumentException.class,
        () -> new Guard(new Guard.Access("127.0.0.1", Optional.of(" "), Set.of())));
    new Guard(new Guard.Access("0.0.0.0", Optional.of("secret"), Set.of()));
    new Guard(new Guard.Access("::1", Optional.empty(), Set.of()));
  }

  @Test
  void pagesOfOtherSitesMayNotAskUnlessTheyAreNamed() throws Exception {
    try (TestServer server = start(Optional.empty(), "https://good.example")) {
      HttpRequest.Builder request = server.request("/v1/videos");
      HttpResponse<String> evil =
          server.send(request.copy().header("Origin", "https://evil.example"));
      assertEquals("forbidden_origin", error(403, evil).get("code").textValue());
      assertTrue(evil.headers().firstValue("Access-Control-Allow-Origin").isEmpty());
      error(
          403,
          server.send(
              request
                  .copy()
                  .header("Origin", "null")
                  .header("Content-Type", "application/x-www-form-urlencoded")
                  .POST(BodyPublishers.ofString("prompt=a"))));
      HttpResponse<String> good =
          server.send(request.copy().header("Origin", "https://good.example"));
      assertEquals(200, good.statusCode());
      assertEquals(
          "https://good.example",
          good.headers().firstValue("Access-Control-Allow-Origin").orElseThrow());
      HttpResponse<String> asked =
          server.send(
              request
                  .copy()
                  .method("OPTIONS", BodyPublishers.noBody())
                  .header("Origin", "https://good.example")
                  .header("Access-Control-Request-Method", "DELETE"));
      assertEquals(204, asked.statusCode());
      assertTrue(
          asked
              .headers()
              .firstValue("Access-Control-Allow-Methods")
              .orElseThrow()
              .contains("DELETE"));
      HttpResponse<String> own =
          server.send(request.copy().header("Origin", "http://127.0.0.1:" + server.port()));
      assertEquals(200, own.statusCode());
      assertTrue(own.headers().firstValue("Access-Control-Allow-Origin").isEmpty());
    }
  }

  @Test
  void anotherNameForThisMachineIsRefused() throws Exception {
    try (TestServer server = start(Optional.empty())) {
      assertTrue(raw(server, "evil.example:" + server.port()).startsWith("HTTP/1.1 403"));
      assertTrue(raw(server, "localhost:" + server.port()).startsWith("HTTP/1.1 200"));
      assertTrue(raw(server, "127.0.0.1").startsWith("HTTP/1.1 200"));
    }
  }

  private static String raw(TestServer server, String host) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", server.port())) {
      socket
          .getOutputStream()
          .write(
              ("GET /v1/videos HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
                  .getBytes(StandardCharsets.US_ASCII));
      try (InputStream in = socket.getInputStream()) {
        return new String(in.readAllBytes(), StandardCharsets.UTF_8);
      }
    }
  }
}
