// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.jobs.FakeMaker;

/** Clients that mean harm: the server refuses them in bounded time, and goes on. */
class HostileTest {
  @TempDir private Path folder;

  private TestServer start(FakeMaker maker) throws IOException {
    Bounds bounds = new Bounds(100, 200_000, 50_000, 4096, 4096, 10_000_000);
    return TestServer.start(folder, maker, s -> TestServer.with(s, bounds));
  }

  private static HttpResponse<String> form(TestServer server, String body) throws Exception {
    return server.send(
        server
            .request("/v1/videos")
            .header("Content-Type", "multipart/form-data; boundary=b")
            .POST(BodyPublishers.ofString(body)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--b",
        "--b\r\n",
        "--b--\r\n",
        "--c\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na\r\n--c--\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nnever ends",
        "--b\r\nContent-Disposition: form-data\r\n\r\na\r\n--b--\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"\"\r\n\r\na\r\n--b--\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"../../x\"\r\n\r\na\r\n--b--\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"prompt\"; filename=\"x\"\r\n\r\na\r\n--b--\r\n",
        "--b\r\nno header\r\n\r\na\r\n--b--\r\n",
        "--b\r\n\r\n\r\n--b--\r\n",
        "\u0000\u0001\u0002--b\r\n",
      })
  @Timeout(60)
  void brokenFormsAreRefused(String body) throws Exception {
    try (TestServer server = start(FakeMaker.quick())) {
      int status = form(server, body).statusCode();
      assertTrue(status >= 400 && status < 500, "status " + status);
      server.await(server.submit("still there"), "completed");
    }
  }

  /**
   * Bad requests from many clients at a time, each over a connection that the client leaves to the
   * server to close: every one is refused by name, nothing is left of them, and no generation runs.
   */
  @Test
  @Tag("full")
  @Timeout(400)
  void tenThousandBadRequestsAreRefusedAndForgotten() throws Exception {
    long seed = Long.getLong("lvsa.seed", System.nanoTime());
    SplittableRandom random = new SplittableRandom(seed);
    FakeMaker maker = FakeMaker.quick();
    try (TestServer server = start(maker);
        ExecutorService clients = Executors.newFixedThreadPool(12)) {
      List<Future<String>> answers = new ArrayList<>();
      for (int i = 0; i < 10_000; i++) {
        String request = BadRequests.of(i % BadRequests.KINDS, random.split());
        answers.add(clients.submit(() -> answer(server, request)));
      }
      for (int i = 0; i < answers.size(); i++) {
        String answer = answers.get(i).get();
        int kind = i % BadRequests.KINDS;
        String what = "kind " + kind + ", seed " + seed + ": " + answer;
        assertTrue(answer.matches("HTTP/1.1 (4\\d\\d|505) [^\r]*\r\n(?s:.*)"), what);
        assertTrue(answer.contains("{\"error\":{\"message\":\""), what);
      }
      assertEquals(0, maker.made.size());
      for (String part : List.of("uploads", "images", "videos")) {
        try (Stream<Path> files = Files.list(folder.resolve(part))) {
          assertEquals(0, files.count(), part);
        }
      }
      server.await(server.submit("still there"), "completed");
    }
  }

  private static String answer(TestServer server, String request) throws IOException {
    try (RawClient client = new RawClient(server)) {
      client.send(request);
      return client.answer();
    }
  }
}
