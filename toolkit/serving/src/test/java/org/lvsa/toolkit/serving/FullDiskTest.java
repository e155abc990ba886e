// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.lvsa.toolkit.serving.TestServer.error;
import static org.lvsa.toolkit.serving.TestServer.json;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.OutputStream;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.jobs.FakeMaker;

/** A disk of two megabytes that is full: jobs fail, the server does not. */
@Tag("full")
class FullDiskTest {
  @TempDir private Path folder;
  private Path disk;

  @BeforeEach
  void mount() throws Exception {
    disk = Files.createDirectory(folder.resolve("disk"));
    assumeTrue(
        isDone("mount", "-t", "tmpfs", "-o", "size=2m", "none", disk.toString()),
        "no small disk can be mounted here: a real full disk is not tried");
  }

  @AfterEach
  void unmount() throws Exception {
    isDone("umount", disk.toString());
  }

  private static boolean isDone(String... words) throws Exception {
    try {
      return new ProcessBuilder(words).redirectErrorStream(true).start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /** Takes all bytes that are left. */
  private void fill() throws IOException {
    byte[] block = new byte[4096];
    try (OutputStream out = Files.newOutputStream(disk.resolve("filler"))) {
      while (true) {
        out.write(block);
      }
    } catch (IOException e) {
      assertTrue(e.getMessage().contains("No space left"), e.getMessage());
    }
  }

  @Test
  void jobsFailAndTheServerGoesOn() throws Exception {
    FakeMaker maker = FakeMaker.held();
    String done;
    String running;
    try (TestServer server = TestServer.start(disk.resolve("data"), maker)) {
      maker.steps.release(4);
      done = server.submit("first");
      server.await(done, "completed");
      running = server.submit("x".repeat(8000));
      server.await(running, "in_progress");
      fill();

      maker.release();
      JsonNode failed = server.await(running, "failed");
      assertEquals("storage_error", failed.get("error").get("code").textValue());
      assertTrue(failed.toString().contains("No space left on device"), failed.toString());
      HttpResponse<String> refused =
          server.post("/v1/videos", "{\"prompt\": \"" + "y".repeat(9000) + "\"}");
      assertEquals("storage_full", error(507, refused).get("code").textValue());
      HttpResponse<String> upload =
          server.form("/v1/videos", Map.of("prompt", "a", "input_reference", new byte[1 << 20]));
      assertEquals("storage_full", error(507, upload).get("code").textValue());
      assertEquals(200, server.get("/health").statusCode());
      assertEquals(200, server.get("/v1/videos/" + done + "/content").statusCode());
      assertEquals(2, json(server.get("/v1/videos")).get("data").size());

      Files.delete(disk.resolve("filler"));
      server.await(server.submit("there is room again"), "completed");
    }
    try (TestServer server = TestServer.start(disk.resolve("data"), maker)) {
      assertEquals(3, json(server.get("/v1/videos")).get("data").size());
      assertEquals("failed", json(server.get("/v1/videos/" + running)).get("status").textValue());
      assertEquals(200, server.get("/v1/videos/" + done + "/content").statusCode());
    }
  }
}
