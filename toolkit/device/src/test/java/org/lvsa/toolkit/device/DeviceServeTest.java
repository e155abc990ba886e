// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.cli.Run;
import org.lvsa.toolkit.cli.ServeProcess;

/** {@code lvsa serve --transformer device}: videos of two sizes, dense and sparse, in turn. */
class DeviceServeTest {
  private static final Map<String, String> ENVIRONMENT =
      Map.of("LVSA_REFERENCE_LATENT_FRAMES", "5");

  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path folder;

  @BeforeAll
  static void unpack() throws IOException {
    DeviceRun.assumeDevice();
    model = GoldenRun.wanModel(shared);
  }

  private Path generated(String attention, int frames) {
    Path out = folder.resolve(attention + frames + ".mp4");
    List<Object> words = new ArrayList<>(List.of("generate", "--transformer", "device"));
    words.addAll(List.of("--dtype", "f32", "--model", model, "--prompt", "A cat walks"));
    words.addAll(List.of("--resolution", "48x32", "--steps", 2, "--seed", 7));
    words.addAll(List.of("--attention", attention, "--frames", frames, "-o", out));
    Run run = Run.with(ENVIRONMENT, words.toArray());
    assertEquals(0, run.code(), run.err());
    return out;
  }

  @Test
  @Tag("full")
  void videosAreThoseOfGenerate() throws Exception {
    Map<String, Path> expected =
        Map.of("lvsa", generated("lvsa", 37), "dense", generated("dense", 9));
    try (ServeProcess server =
        ServeProcess.start(
            folder,
            ENVIRONMENT,
            model,
            "--transformer",
            "device",
            "--dtype",
            "f32",
            "--device",
            "0:0")) {
      // The second time, everything is on the device already.
      for (String attention : List.of("lvsa", "dense", "lvsa")) {
        String job =
            server.submit(
                "\"num_inference_steps\": 2, \"num_frames\": "
                    + (attention.equals("lvsa") ? 37 : 9)
                    + ", \"lvsa\": {\"strict\": true, \"attention\": \""
                    + attention
                    + "\"}");
        JsonNode lvsa = server.await(job, "completed").get("lvsa");
        server.requireFrames(expected.get(attention), job, folder);
        assertEquals("java-tiled-f32+portable-f32", lvsa.get("kernel").textValue());
        double density = lvsa.get("density").doubleValue();
        assertEquals(attention.equals("lvsa"), density < 1, lvsa.toString());
      }
      assertTrue(server.log().contains("memory of "), server.log());
    }
  }
}
