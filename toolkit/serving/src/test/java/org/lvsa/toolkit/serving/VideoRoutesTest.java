// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.lvsa.toolkit.serving.TestServer.error;
import static org.lvsa.toolkit.serving.TestServer.json;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.jobs.FakeMaker;
import org.lvsa.toolkit.jobs.JobRunner;
import org.lvsa.toolkit.jobs.VideoRequest;

/** {@code /v1/videos}, asked over HTTP. */
class VideoRoutesTest {
  @TempDir private Path folder;

  @Test
  void aVideoIsSubmittedWatchedFetchedAndRemoved() throws Exception {
    FakeMaker maker = FakeMaker.held();
    try (TestServer server = TestServer.start(folder, maker)) {
      HttpResponse<String> submitted =
          server.form(
              "/v1/videos",
              Map.of(
                  "prompt", "a cat",
                  "size", "64x48",
                  "seconds", "4",
                  "fps", "16",
                  "num_inference_steps", "10",
                  "seed", "7",
                  "model", "fake"));
      assertEquals(200, submitted.statusCode(), submitted.body());
      JsonNode job = json(submitted);
      String id = job.get("id").textValue();
      assertTrue(id.matches("video_gen_[0-9a-f]{32}"), id);
      assertEquals("video", job.get("object").textValue());
      assertEquals("queued", job.get("status").textValue());
      assertEquals(61, job.get("num_frames").intValue(), "64 frames become 4k + 1");
      assertEquals("3.8125", job.get("seconds").textValue());
      assertEquals(1, job.get("notes").size(), job.toString());
      assertTrue(job.get("completed_at").isNull() && job.get("error").isNull());

      error(404, server.get("/v1/videos/" + id + "/content"));
      int last = -1;
      for (int step = 1; step <= 9; step++) {
        maker.steps.release();
        int before = last;
        JsonNode running =
            server.await(id, one -> one.get("progress").intValue() > Math.max(before, 0));
        assertEquals("in_progress", running.get("status").textValue());
        last = running.get("progress").intValue();
        assertTrue(last < 100, "progress is 100 only at the end");
      }
      assertEquals(
          "Generation is still in-progress",
          error(404, server.get("/v1/videos/" + id + "/content")).get("message").textValue());
      maker.release();
      JsonNode done = server.await(id, "completed");
      assertEquals(100, done.get("progress").intValue());
      assertTrue(done.get("completed_at").longValue() >= done.get("created_at").longValue());
      assertTrue(done.get("expires_at").longValue() > done.get("completed_at").longValue());
      assertEquals("fake-kernel", done.get("lvsa").get("kernel").textValue());
      assertEquals(1.0, done.get("lvsa").get("density").doubleValue());

      HttpResponse<String> content = server.get("/v1/videos/" + id + "/content");
      assertEquals(200, content.statusCode());
      assertEquals("a video of a cat, seed 7", content.body());
      assertEquals("video/mp4", content.headers().firstValue("Content-Type").orElseThrow());

      JsonNode deleted = json(server.delete("/v1/videos/" + id));
      assertEquals("video.deleted", deleted.get("object").textValue());
      assertTrue(deleted.get("deleted").booleanValue());
      error(404, server.get("/v1/videos/" + id));
      error(404, server.delete("/v1/videos/" + id));
      try (Stream<Path> files = Files.list(folder.resolve("videos"))) {
        assertEquals(0, files.count(), "the file is gone");
      }
    }
  }

  @Test
  void rangesOfTheFileAreServed() throws Exception {
    try (TestServer server = TestServer.start(folder, FakeMaker.quick())) {
      String id =
          json(server.post("/v1/videos", "{\"prompt\": \"a cat\", \"seed\": 1}"))
              .get("id")
              .textValue();
      server.await(id, "completed");
      String path = "/v1/videos/" + id + "/content";
      String all = server.get(path).body();
      HttpResponse<String> part = server.send(server.request(path).header("Range", "bytes=2-6"));
      assertEquals(206, part.statusCode());
      assertEquals(all.substring(2, 7), part.body());
      assertEquals(
          "bytes 2-6/" + all.length(), part.headers().firstValue("Content-Range").orElseThrow());
      assertEquals(
          all.substring(all.length() - 3),
          server.send(server.request(path).header("Range", "bytes=-3")).body());
      assertEquals(
          all.substring(5), server.send(server.request(path).header("Range", "bytes=5-")).body());
      HttpResponse<String> beyond =
          server.send(server.request(path).header("Range", "bytes=" + all.length() + "-"));
      error(416, beyond);
      assertEquals(
          "bytes */" + all.length(), beyond.headers().firstValue("Content-Range").orElseThrow());
      assertEquals(
          200, server.send(server.request(path).header("Range", "bytes=3-1")).statusCode());
      HttpResponse<String> head =
          server.send(server.request(path).method("HEAD", BodyPublishers.noBody()));
      assertEquals(200, head.statusCode());
      assertEquals(
          Integer.toString(all.length()),
          head.headers().firstValue("Content-Length").orElseThrow());
      String tag = head.headers().firstValue("ETag").orElseThrow();
      assertEquals(
          304, server.send(server.request(path).header("If-None-Match", tag)).statusCode());
      assertEquals(
          200,
          server
              .send(
                  server
                      .request(path)
                      .header("Range", "bytes=2-6")
                      .header("If-Range", "\"another\""))
              .statusCode());
    }
  }

  @Test
  void theListIsPaged() throws Exception {
    FakeMaker maker = FakeMaker.held();
    try (TestServer server = TestServer.start(folder, maker)) {
      List<String> ids = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        ids.add(server.submit("video " + i));
      }
      JsonNode all = json(server.get("/v1/videos"));
      assertEquals("list", all.get("object").textValue());
      assertEquals(5, all.get("data").size());
      assertEquals(ids.get(4), all.get("first_id").textValue(), "the newest is first");
      assertFalse(all.get("has_more").booleanValue());
      JsonNode page = json(server.get("/v1/videos?order=asc&limit=2&after=" + ids.get(1)));
      assertEquals(ids.get(2), page.get("first_id").textValue());
      assertEquals(ids.get(3), page.get("last_id").textValue());
      assertTrue(page.get("has_more").booleanValue());
      assertEquals(0, json(server.get("/v1/videos?after=video_gen_none")).get("data").size());
      assertEquals(0, json(server.get("/v1/videos?limit=0")).get("data").size());
      assertEquals(
          "limit", error(422, server.get("/v1/videos?limit=101")).get("param").textValue());
      error(422, server.get("/v1/videos?limit=many"));
      error(422, server.get("/v1/videos?order=up"));
      error(400, server.get("/v1/videos?ordre=asc"));
      maker.release();
    }
  }

  @Test
  void aFullQueueSaysWhenToComeAgain() throws Exception {
    FakeMaker maker = FakeMaker.held();
    try (TestServer server =
        TestServer.start(
            folder, maker, s -> TestServer.with(s, new JobRunner.Limits(2, Duration.ZERO)))) {
      String running = server.submit("first");
      server.await(running, "in_progress");
      server.submit("second");
      String third = server.submit("third");
      HttpResponse<String> full = server.post("/v1/videos", "{\"prompt\": \"fourth\"}");
      assertEquals("queue_full", error(429, full).get("code").textValue());
      assertEquals("rate_limit_error", error(429, full).get("type").textValue());
      assertTrue(Integer.parseInt(full.headers().firstValue("Retry-After").orElseThrow()) > 0);
      assertEquals(3, json(server.get("/v1/videos")).get("data").size());
      // A waiting job ends at once and makes a place.
      assertEquals(200, server.delete("/v1/videos/" + third).statusCode());
      String fourth = server.submit("fourth");
      maker.release();
      server.await(fourth, "completed");
      assertEquals(
          List.of("first", "second", "fourth"),
          maker.made.stream().map(VideoRequest::prompt).toList());
    }
  }

  @Test
  void aRunningJobIsCancelledBetweenSteps() throws Exception {
    FakeMaker maker = FakeMaker.held();
    try (TestServer server = TestServer.start(folder, maker)) {
      String id = server.submit("a cat");
      maker.awaitStep();
      HttpResponse<String> pending = server.delete("/v1/videos/" + id);
      assertEquals(
          "Cancellation in progress. Please try again later.",
          error(409, pending).get("message").textValue());
      maker.steps.release();
      JsonNode failed = server.await(id, "failed");
      assertEquals("cancelled", failed.get("error").get("code").textValue());
      assertEquals(200, server.delete("/v1/videos/" + id).statusCode());
      maker.release();
      server.await(server.submit("another"), "completed");
    }
  }

  @Test
  void aFailedJobTellsWhyAndTheNextOneRuns() throws Exception {
    FakeMaker maker = FakeMaker.quick();
    try (TestServer server = TestServer.start(folder, maker)) {
      maker.failure = new IllegalArgumentException("that cannot be made");
      String id = server.submit("a cat");
      JsonNode failed = server.await(id, "failed");
      assertEquals("that cannot be made", failed.get("error").get("message").textValue());
      assertTrue(failed.get("completed_at").isNumber());
      JsonNode content = error(422, server.get("/v1/videos/" + id + "/content"));
      assertTrue(
          content
              .get("message")
              .textValue()
              .startsWith("Video generation failed. Check job status for error details."));
      maker.failure = null;
      server.await(server.submit("another"), "completed");
      assertTrue(
          server
              .get("/metrics")
              .body()
              .contains("lvsa_failures_total{code=\"invalid_request\"} 1.0"));
    }
  }

  @Test
  void aJobThatTakesTooLongFails() throws Exception {
    FakeMaker maker = FakeMaker.held();
    try (TestServer server =
        TestServer.start(
            folder,
            maker,
            s -> TestServer.with(s, new JobRunner.Limits(2, Duration.ofMillis(1))))) {
      String id = server.submit("a cat");
      server.await(id, one -> !one.get("status").textValue().equals("queued"));
      Thread.sleep(2);
      maker.release();
      JsonNode failed = server.await(id, "failed");
      assertEquals("timed_out", failed.get("error").get("code").textValue());
    }
  }

  @Test
  void aSynchronousRequestGivesTheFile() throws Exception {
    try (TestServer server = TestServer.start(folder, FakeMaker.quick())) {
      HttpResponse<String> answer =
          server.form("/v1/videos/sync", Map.of("prompt", "a cat", "seed", "3"));
      assertEquals(200, answer.statusCode(), answer.body());
      assertEquals("a video of a cat, seed 3", answer.body());
      assertEquals("fake", answer.headers().firstValue("X-Model").orElseThrow());
      assertTrue(
          answer.headers().firstValue("X-Inference-Time-S").orElseThrow().matches("\\d+\\.\\d{3}"));
      String id = answer.headers().firstValue("X-Request-Id").orElseThrow();
      assertEquals("completed", json(server.get("/v1/videos/" + id)).get("status").textValue());
    }
  }

  @Test
  void aSynchronousRequestTimesOut() throws Exception {
    FakeMaker maker = FakeMaker.held();
    ServerSettings.Times times = ServerSettings.Times.DEFAULT;
    try (TestServer server =
        TestServer.start(
            folder,
            maker,
            s ->
                TestServer.with(
                    s,
                    new ServerSettings.Times(
                        Duration.ofMillis(200), times.headers(), times.idle(), times.grace())))) {
      HttpResponse<String> late = server.post("/v1/videos/sync", "{\"prompt\": \"a cat\"}");
      assertEquals("sync_timeout", error(504, late).get("code").textValue());
      maker.release();
      String id = late.headers().firstValue("X-Request-Id").orElseThrow();
      assertEquals("timed_out", server.await(id, "failed").get("error").get("code").textValue());
    }
  }

  @Test
  void aSynchronousRequestFails() throws Exception {
    FakeMaker maker = FakeMaker.quick();
    maker.failure = new IllegalStateException("broken");
    try (TestServer server = TestServer.start(folder, maker)) {
      assertEquals(
          "Video generation failed: broken",
          error(500, server.post("/v1/videos/sync", "{\"prompt\": \"a cat\"}"))
              .get("message")
              .textValue());
    }
  }

  @Test
  void aModelThatTakesNoPictureIsSentNone() throws Exception {
    try (TestServer server = TestServer.start(folder, FakeMaker.quick())) {
      Map<String, Object> form = new LinkedHashMap<>();
      form.put("prompt", "a cat");
      form.put("input_reference", PicturesTest.picture(8, 8, "png"));
      JsonNode error = error(400, server.form("/v1/videos", form));
      assertEquals("not_possible", error.get("code").textValue());
      assertEquals(0, json(server.get("/v1/videos")).get("data").size());
    }
  }

  @Test
  void settingsOfTheAttentionComeWithTheRequest() throws Exception {
    FakeMaker maker = FakeMaker.quick();
    try (TestServer server = TestServer.start(folder, maker)) {
      Map<String, Object> form = new LinkedHashMap<>();
      form.put("prompt", "a cat");
      form.put(
          "lvsa", "{\"attention\": \"lvsa\", \"sparsity_scale\": 0.5, \"rotate_keyframes\": true}");
      String id = json(server.form("/v1/videos", form)).get("id").textValue();
      JsonNode lvsa = server.await(id, "completed").get("lvsa");
      assertEquals(
          Map.of(
              "DIFFUSION_ATTENTION_BACKEND", "LVSA",
              "LVSA_SPARSITY_SCALE", "0.5",
              "LVSA_ROTATE_KEYFRAMES", "1"),
          maker.made.getFirst().lvsa());
      assertEquals("lvsa", lvsa.get("requested").get("attention").textValue());
      assertEquals("lvsa", lvsa.get("attention").textValue());
      assertEquals(0.5, lvsa.get("density").doubleValue());
      assertEquals("a fallback", lvsa.get("fallbacks").get(0).textValue());
      assertTrue(server.get("/metrics").body().contains("lvsa_fallbacks_total 1.0"));
    }
  }
}
