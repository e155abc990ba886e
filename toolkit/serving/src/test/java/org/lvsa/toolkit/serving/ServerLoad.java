// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.lvsa.toolkit.io.Json;

/**
 * Measures a server under load: many clients that submit, and ask for the state of what they
 * submitted. Not a test; {@code docs/serving.md} has its numbers. Arguments: the server's address,
 * its process number, clients, seconds.
 */
final class ServerLoad {
  private static final String BODY =
      "{\"prompt\": \"A cat walks\", \"size\": \"48x32\", \"num_frames\": 13,"
          + " \"num_inference_steps\": 4, \"seed\": 7}";

  /** State calls per submission, and the pause between them. */
  private static final int POLLS = 10;

  private static final Duration SHORTEST_PAUSE = Duration.ofMillis(150);

  private static final Duration LONGEST_PAUSE = Duration.ofMillis(350);

  /** State calls of the first seconds are counted, and not timed: code is compiled meanwhile. */
  private static final Duration WARMING = Duration.ofSeconds(10);

  private final HttpClient http = HttpClient.newHttpClient();
  private final String server;
  private final long timedFrom;
  private final Map<String, LongAdder> answers = new ConcurrentSkipListMap<>();
  private final List<Long> stateNanos = Collections.synchronizedList(new ArrayList<>());

  private ServerLoad(String server, long begun) {
    this.server = server;
    timedFrom = begun + WARMING.toNanos();
  }

  private String answer(String kind, HttpRequest.Builder request) throws Exception {
    String what;
    String body = "";
    try {
      HttpResponse<String> answer =
          http.send(request.timeout(Duration.ofSeconds(30)).build(), BodyHandlers.ofString());
      what = Integer.toString(answer.statusCode());
      body = answer.body();
    } catch (IOException e) {
      what = e.toString();
    }
    answers.computeIfAbsent(kind + " " + what, key -> new LongAdder()).increment();
    return what.equals("200") ? body : "";
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(server + path));
  }

  private Void client(long end, SplittableRandom random) throws Exception {
    String path = "/v1/videos?limit=1";
    while (System.nanoTime() < end) {
      String job =
          answer(
              "submit",
              request("/v1/videos")
                  .header("Content-Type", "application/json")
                  .POST(BodyPublishers.ofString(BODY)));
      if (!job.isEmpty()) {
        path = "/v1/videos/" + Json.parse(job, "job").get("id").textValue();
      }
      for (int i = 0; i < POLLS && System.nanoTime() < end; i++) {
        // Clients that know nothing of each other do not ask at the same moment.
        TimeUnit.NANOSECONDS.sleep(
            random.nextLong(SHORTEST_PAUSE.toNanos(), LONGEST_PAUSE.toNanos()));
        long begun = System.nanoTime();
        answer("state", request(path));
        if (begun > timedFrom) {
          stateNanos.add(System.nanoTime() - begun);
        }
      }
    }
    return null;
  }

  private static String resident(String process) throws IOException {
    return Files.readAllLines(Path.of("/proc", process, "status")).stream()
        .filter(line -> line.startsWith("VmRSS"))
        .findFirst()
        .orElseThrow();
  }

  public static void main(String[] words) throws Exception {
    int clients = Integer.parseInt(words[2]);
    long begun = System.nanoTime();
    ServerLoad load = new ServerLoad(words[0], begun);
    SplittableRandom random = new SplittableRandom(1);
    long end = begun + TimeUnit.SECONDS.toNanos(Long.parseLong(words[3]));
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Void>> running = new ArrayList<>();
      for (int i = 0; i < clients; i++) {
        SplittableRandom own = random.split();
        running.add(threads.submit(() -> load.client(end, own)));
      }
      while (System.nanoTime() < end) {
        System.out.printf(
            "%3d s: %s%n", (System.nanoTime() - begun) / 1_000_000_000, resident(words[1]));
        TimeUnit.SECONDS.sleep(10);
      }
      for (Future<Void> one : running) {
        one.get();
      }
    }
    System.out.println(load.answers);
    List<Long> sorted = load.stateNanos.stream().sorted().toList();
    for (double share : new double[] {0.5, 0.9, 0.99, 0.999}) {
      System.out.printf(
          "state calls, p%s: %.1f ms%n",
          share * 100, sorted.get((int) (share * (sorted.size() - 1))) / 1e6);
    }
  }
}
