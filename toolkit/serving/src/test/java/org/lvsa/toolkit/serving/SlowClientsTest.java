// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.SocketException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.jobs.FakeMaker;

/** Clients that are slow, because they mean harm or because they wait for something. */
@Tag("full")
class SlowClientsTest {
  private static final Duration NEVER = Duration.ofHours(1);
  private static final Duration SHORT = Duration.ofSeconds(3);
  private static final String WAITS = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

  @TempDir private Path folder;

  private TestServer start(FakeMaker maker, Duration headers, Duration idle) throws IOException {
    ServerSettings.Times times = ServerSettings.Times.DEFAULT;
    return TestServer.start(
        folder,
        maker,
        s ->
            TestServer.with(
                s, new ServerSettings.Times(times.sync(), headers, idle, Duration.ZERO)));
  }

  /** Sends a byte now and then until the server has closed the connection, or the test ends. */
  private static void drip(RawClient client, String head) throws Exception {
    try {
      client.send(head);
      while (true) {
        client.send("x");
        TimeUnit.MILLISECONDS.sleep(50);
      }
    } catch (SocketException e) {
      // Closed, which is what is waited for.
    }
  }

  /** No connection is idle here, so only the time that headers and bodies may take ends them. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET /health HTTP/1.1\r\nX-Long: ",
        "POST /v1/videos HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            + "Content-Length: 100000\r\n\r\n{\"prompt\": \"",
        "POST /v1/videos HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n--b\r\n",
      })
  @Timeout(240)
  void whoeverSendsByteByByteIsCutOffAndOthersAreNot(String head) throws Exception {
    FakeMaker maker = FakeMaker.quick();
    ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    try (TestServer server = start(maker, SHORT, NEVER);
        RawClient patient = new RawClient(server)) {
      patient.send(WAITS);
      assertTrue(patient.head().startsWith("HTTP/1.1 200"), "before");
      List<Future<?>> slow = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        slow.add(
            threads.submit(
                () -> {
                  try (RawClient client = new RawClient(server)) {
                    drip(client, head);
                  }
                  return null;
                }));
      }
      server.await(server.submit("another client"), "completed");
      for (Future<?> one : slow) {
        one.get();
      }
      // Longer than a slow request may take, nothing has come over this one: it is still open.
      patient.send(WAITS);
      assertTrue(patient.head().contains("HTTP/1.1 200"), "after");
      assertEquals(1, maker.made.size());
    } finally {
      threads.shutdownNow();
    }
  }

  /** A connection that nothing moves on is closed, unless its client waits for an answer. */
  @Test
  @Timeout(240)
  void whoeverWaitsForAVideoIsNotIdle() throws Exception {
    FakeMaker maker = FakeMaker.held();
    ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    try (TestServer server = start(maker, NEVER, SHORT)) {
      Future<HttpResponse<String>> waiting =
          threads.submit(() -> server.post("/v1/videos/sync", "{\"prompt\": \"a cat\"}"));
      while (server.server().jobs().runner().running() == 0 && !waiting.isDone()) {
        TimeUnit.MILLISECONDS.sleep(5);
      }
      for (int i = 0; i < 2; i++) {
        try (RawClient idle = new RawClient(server)) {
          idle.send(WAITS);
          assertTrue(idle.head().startsWith("HTTP/1.1 200"), "answered");
          assertTrue(idle.untilClosed().startsWith("{"), "and closed by the server");
        }
      }
      maker.release();
      HttpResponse<String> answer = waiting.get();
      assertEquals(200, answer.statusCode(), answer.body());
      assertTrue(answer.body().startsWith("a video of a cat"), answer.body());
    } finally {
      threads.shutdownNow();
    }
  }
}
