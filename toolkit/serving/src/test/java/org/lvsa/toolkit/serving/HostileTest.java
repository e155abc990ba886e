// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.jobs.FakeMaker;

/** Clients that mean harm: the server refuses them in bounded time, and goes on. */
class HostileTest {
  private static final Duration SHORT = Duration.ofMillis(500);

  @TempDir private Path folder;

  private TestServer start() throws IOException {
    ServerSettings.Times times = ServerSettings.Times.DEFAULT;
    return TestServer.start(
        folder,
        FakeMaker.quick(),
        s ->
            TestServer.withTimes(
                TestServer.withBounds(s, new Bounds(100, 200_000, 50_000, 4096, 4096, 10_000_000)),
                new ServerSettings.Times(times.sync(), SHORT, Duration.ofSeconds(5), SHORT)));
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
    try (TestServer server = start()) {
      int status = form(server, body).statusCode();
      assertTrue(status >= 400 && status < 500, "status " + status);
      server.await(server.submit("still there"), "completed");
    }
  }
}
