// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.jobs.JobRunner;
import org.lvsa.toolkit.jobs.VideoMaker;

/** A server on a free port, and a client of it. */
final class TestServer implements AutoCloseable {
  private static final String BOUNDARY = "test-boundary";
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final VideoServer server;
  private final HttpClient client = HttpClient.newHttpClient();

  private TestServer(VideoServer server) {
    this.server = server;
  }

  static TestServer start(Path folder, VideoMaker maker) throws IOException {
    return start(folder, maker, same -> same);
  }

  static TestServer start(Path folder, VideoMaker maker, UnaryOperator<ServerSettings> change)
      throws IOException {
    return new TestServer(VideoServer.start(change.apply(ServerSettings.local(folder, 0)), maker));
  }

  /** The same settings with other parts: an address, bounds, times, bounds of the queue. */
  static ServerSettings with(ServerSettings s, Record... others) {
    ServerSettings changed = s;
    for (Record other : others) {
      changed =
          new ServerSettings(
              other instanceof ServerSettings.Address address ? address : changed.address(),
              other instanceof Bounds bounds ? bounds : changed.bounds(),
              other instanceof ServerSettings.Times times ? times : changed.times(),
              other instanceof JobRunner.Limits queue ? queue : changed.queue(),
              changed.jobs(),
              changed.defaults(),
              changed.profiles(),
              changed.version());
    }
    return changed;
  }

  static ServerSettings withProfiles(ServerSettings s, Path folder) {
    return new ServerSettings(
        s.address(),
        s.bounds(),
        s.times(),
        s.queue(),
        s.jobs(),
        s.defaults(),
        Optional.of(folder),
        s.version());
  }

  int port() {
    return server.port();
  }

  VideoServer server() {
    return server;
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port() + path));
  }

  HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return client.send(request.timeout(PATIENCE).build(), BodyHandlers.ofString());
  }

  HttpResponse<byte[]> bytes(HttpRequest.Builder request) throws Exception {
    return client.send(request.timeout(PATIENCE).build(), BodyHandlers.ofByteArray());
  }

  HttpResponse<String> get(String path) throws Exception {
    return send(request(path));
  }

  HttpResponse<String> delete(String path) throws Exception {
    return send(request(path).DELETE());
  }

  HttpResponse<String> post(String path, String json) throws Exception {
    return send(
        request(path)
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(json)));
  }

  /** A form; a value that is bytes is a file. */
  HttpResponse<String> form(String path, Map<String, Object> values) throws Exception {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (Map.Entry<String, Object> entry : values.entrySet()) {
      boolean isFile = entry.getValue() instanceof byte[];
      String head =
          "--"
              + BOUNDARY
              + "\r\nContent-Disposition: form-data; name=\""
              + entry.getKey()
              + (isFile ? "\"; filename=\"../../evil.png\"\r\nContent-Type: image/png" : "\"")
              + "\r\n\r\n";
      body.writeBytes(head.getBytes(StandardCharsets.UTF_8));
      body.writeBytes(
          entry.getValue() instanceof byte[] bytes
              ? bytes
              : entry.getValue().toString().getBytes(StandardCharsets.UTF_8));
      body.writeBytes("\r\n".getBytes(StandardCharsets.UTF_8));
    }
    body.writeBytes(("--" + BOUNDARY + "--\r\n").getBytes(StandardCharsets.UTF_8));
    return send(
        request(path)
            .header("Content-Type", "multipart/form-data; boundary=" + BOUNDARY)
            .POST(BodyPublishers.ofByteArray(body.toByteArray())));
  }

  static JsonNode json(HttpResponse<String> answer) {
    return Json.parse(answer.body(), "answer");
  }

  /** An answer's error, of a status. */
  static JsonNode error(int status, HttpResponse<String> answer) {
    assertTrue(answer.statusCode() == status, answer.statusCode() + " " + answer.body());
    return json(answer).get("error");
  }

  /** Submits a prompt and gives the job's identifier. */
  String submit(String prompt) throws Exception {
    HttpResponse<String> answer = post("/v1/videos", "{\"prompt\": \"" + prompt + "\"}");
    assertTrue(answer.statusCode() == 200, answer.body());
    return json(answer).get("id").textValue();
  }

  /** Asks until a job is as wanted. */
  JsonNode await(String id, Predicate<JsonNode> wanted) throws Exception {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      JsonNode job = json(get("/v1/videos/" + id));
      if (wanted.test(job)) {
        return job;
      }
      assertTrue(System.nanoTime() < end, job.toString());
      Thread.sleep(5);
    }
  }

  JsonNode await(String id, String status) throws Exception {
    return await(id, job -> job.get("status").textValue().equals(status));
  }

  @Override
  public void close() throws IOException {
    server.close();
  }
}
