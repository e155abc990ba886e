// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.lvsa.toolkit.io.ChildJvm;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.video.VideoReader;

/** {@code lvsa serve} as a process of its own on a free port, and a client of it. */
public final class ServeProcess implements AutoCloseable {
  /** Seconds that anything may take. */
  static final long PATIENCE = 120;

  private static final Pattern ADDRESS = Pattern.compile("at (http://\\S+)/,");

  private final Process process;
  private final Path log;
  private final HttpClient client = HttpClient.newHttpClient();
  private String address = "";

  private ServeProcess(Process process, Path log) {
    this.process = process;
    this.log = log;
  }

  /**
   * Starts a server and waits until it says where it listens.
   *
   * @param folder its videos lie there, and what it prints; another server may have had it before
   * @param more options
   */
  public static ServeProcess start(
      Path folder, Map<String, String> environment, Path model, Object... more)
      throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of("serve", "--port", "0"));
    words.addAll(List.of("--model", model.toString()));
    words.addAll(List.of("--data", folder.resolve("data").toString()));
    Stream.of(more).map(Object::toString).forEach(words::add);
    Path out = Files.createTempFile(folder, "out", ".txt");
    Path err = Files.createTempFile(folder, "err", ".txt");
    ProcessBuilder builder =
        new ProcessBuilder(ChildJvm.command(Lvsa.class.getName(), words))
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    builder.environment().putAll(environment);
    ServeProcess server = new ServeProcess(builder.start(), err);
    try {
      server.awaitAddress(out);
      return server;
    } catch (IOException | InterruptedException | AssertionError e) {
      server.close();
      throw e;
    }
  }

  private void awaitAddress(Path out) throws IOException, InterruptedException {
    long end = end();
    Matcher matcher = ADDRESS.matcher("");
    while (!matcher.reset(Files.readString(out)).find()) {
      assertTrue(process.isAlive() && System.nanoTime() < end, log());
      Thread.sleep(20);
    }
    address = matcher.group(1);
  }

  private static long end() {
    return System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE);
  }

  Process process() {
    return process;
  }

  /** What it has written to standard error. */
  public String log() throws IOException {
    return Files.readString(log);
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(address + path));
  }

  private JsonNode json(HttpRequest.Builder request) throws IOException, InterruptedException {
    return Json.parse(client.send(request.build(), BodyHandlers.ofString()).body(), "answer");
  }

  JsonNode get(String path) throws IOException, InterruptedException {
    return json(request(path));
  }

  JsonNode delete(String path) throws IOException, InterruptedException {
    return json(request(path).DELETE());
  }

  JsonNode post(String path, String body) throws IOException, InterruptedException {
    return json(
        request(path)
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(body)));
  }

  /**
   * Asks for a small video.
   *
   * @param fields of the JSON, beside prompt, size and seed
   * @return the job's path
   */
  public String submit(String fields) throws IOException, InterruptedException {
    JsonNode job =
        post(
            "/v1/videos",
            "{\"prompt\": \"A cat walks\", \"size\": \"48x32\", \"seed\": 7, " + fields + "}");
    assertEquals("queued", job.path("status").asText(), job.toString());
    return "/v1/videos/" + job.get("id").textValue();
  }

  /** Waits until a job has a status. */
  public JsonNode await(String job, String status) throws IOException, InterruptedException {
    return await(job, now -> now.get("status").textValue().equals(status));
  }

  JsonNode await(String job, Predicate<JsonNode> wanted) throws IOException, InterruptedException {
    long end = end();
    while (true) {
      JsonNode now = get(job);
      if (wanted.test(now)) {
        return now;
      }
      assertTrue(System.nanoTime() < end, now.toString());
      Thread.sleep(20);
    }
  }

  byte[] content(String job) throws IOException, InterruptedException {
    return client.send(request(job + "/content").build(), BodyHandlers.ofByteArray()).body();
  }

  /**
   * Judges that a job's video has the frames of another one.
   *
   * @param folder in which the downloaded video is kept
   */
  public void requireFrames(Path expected, String job, Path folder)
      throws IOException, InterruptedException {
    Path downloaded = Files.write(Files.createTempFile(folder, "served", ".mp4"), content(job));
    List<byte[]> wanted = frames(expected);
    List<byte[]> served = frames(downloaded);
    assertEquals(wanted.size(), served.size());
    for (int i = 0; i < wanted.size(); i++) {
      assertArrayEquals(wanted.get(i), served.get(i), "frame " + i);
    }
  }

  private static List<byte[]> frames(Path video) {
    List<byte[]> frames = new ArrayList<>();
    try (VideoReader reader = VideoReader.open(video)) {
      byte[] frame = new byte[reader.frameBytes()];
      while (reader.read(frame)) {
        frames.add(frame.clone());
      }
    }
    return frames;
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
    client.close();
  }
}
