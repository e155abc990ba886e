// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lvsa.toolkit.io.Json;

/**
 * A headless Chromium with one empty page, driven over its DevTools protocol: JSON over a web
 * socket, which the JDK has.
 */
final class Browser implements AutoCloseable {
  static final Path CHROMIUM = Path.of("/usr/bin/chromium");

  private static final Pattern LISTENS = Pattern.compile("listening on ws://([0-9.]+:\\d+)/");
  private static final long PATIENCE_SECONDS = 120;

  private final Process process;
  private final WebSocket socket;
  private final Map<Integer, CompletableFuture<JsonNode>> answers = new ConcurrentHashMap<>();
  private final AtomicInteger calls = new AtomicInteger();

  /** Addresses of everything that the page asked for. */
  final Queue<String> requested = new ConcurrentLinkedQueue<>();

  /** What the page's program threw, and what the page refused to load. */
  final Queue<String> complaints = new ConcurrentLinkedQueue<>();

  Browser(Path folder) throws Exception {
    Path log = folder.resolve("chromium.log");
    process =
        new ProcessBuilder(
                CHROMIUM.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--remote-debugging-port=0",
                "--user-data-dir=" + folder.resolve("profile"),
                "about:blank")
            .redirectOutput(folder.resolve("chromium.out").toFile())
            .redirectError(log.toFile())
            .start();
    try {
      HttpClient http = HttpClient.newHttpClient();
      URI open = URI.create("http://" + address(log) + "/json/new?about:blank");
      String page =
          http.send(
                  HttpRequest.newBuilder(open).PUT(BodyPublishers.noBody()).build(),
                  BodyHandlers.ofString())
              .body();
      String url = Json.parse(page, "page").get("webSocketDebuggerUrl").textValue();
      socket =
          http.newWebSocketBuilder()
              .buildAsync(URI.create(url), new Receiver())
              .get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      call("Network.enable", Json.object());
      call("Runtime.enable", Json.object());
      call("Log.enable", Json.object());
      call("Page.enable", Json.object());
    } catch (Exception | Error e) {
      process.destroyForcibly();
      throw e;
    }
  }

  private String address(Path log) throws IOException, InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (true) {
      Matcher found = LISTENS.matcher(Files.readString(log));
      if (found.find()) {
        return found.group(1);
      }
      if (!process.isAlive() || System.nanoTime() > end) {
        throw new IllegalStateException("Chromium does not start: " + Files.readString(log));
      }
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }

  private JsonNode call(String method, ObjectNode params) throws Exception {
    int id = calls.incrementAndGet();
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    answers.put(id, answer);
    ObjectNode message = Json.object().put("id", id).put("method", method);
    message.set("params", params);
    socket.sendText(message.toString(), true).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    return answer.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  void open(String url) throws Exception {
    call("Page.navigate", Json.object().put("url", url));
  }

  /** The value of an expression in the page. */
  JsonNode value(String expression) throws Exception {
    ObjectNode params =
        Json.object()
            .put("expression", expression)
            .put("returnByValue", true)
            .put("userGesture", true);
    JsonNode result = call("Runtime.evaluate", params).path("result");
    if (result.has("exceptionDetails")) {
      throw new IllegalStateException(expression + ": " + result.get("exceptionDetails"));
    }
    return result.path("result").path("value");
  }

  /** Waits until an expression holds in the page. */
  void await(String expression) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!value(expression).asBoolean()) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException(
            expression + " never holds: " + value("document.body.innerText") + complaints);
      }
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }

  @Override
  public void close() {
    socket.abort();
    process.destroy();
    try {
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }

  private final class Receiver implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
      text.append(part);
      if (last) {
        received(Json.parse(text.toString(), "message"));
        text.setLength(0);
      }
      from.request(1);
      return null;
    }

    private void received(JsonNode message) {
      CompletableFuture<JsonNode> asked = answers.remove(message.path("id").asInt());
      if (asked != null) {
        asked.complete(message);
        return;
      }
      switch (message.path("method").asText()) {
        case "Network.requestWillBeSent" ->
            requested.add(message.at("/params/request/url").asText());
        case "Runtime.exceptionThrown" -> complaints.add(message.get("params").toString());
        case "Log.entryAdded" -> {
          if (message.at("/params/entry/level").asText().equals("error")) {
            complaints.add(message.at("/params/entry").toString());
          }
        }
        default -> {}
      }
    }
  }
}
