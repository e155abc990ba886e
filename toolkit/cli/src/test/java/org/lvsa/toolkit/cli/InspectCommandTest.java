// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Memory;

/** What {@code models inspect} says about a folder and this machine. */
class InspectCommandTest {
  @TempDir private Path directory;
  private Path model;

  @BeforeEach
  void unpack() throws IOException {
    model = GoldenRun.wanModel(directory);
  }

  private static Map<String, JsonNode> runs(JsonNode root) {
    Map<String, JsonNode> runs = new TreeMap<>();
    root.get("runs").forEach(one -> runs.put(one.get("what").textValue(), one));
    return runs;
  }

  @Test
  void itSaysWhatRunsHereAndWhatDoesNot() {
    Run json =
        Run.lvsa(
            "models", "inspect", model, "--frames", 9, "--resolution", "48x32", "--format", "json");
    assertEquals(0, json.code(), json.err());
    JsonNode root = Json.parse(json.out(), "inspect");
    JsonNode types = root.get("components").get("transformer").get("dtypes");
    assertEquals(1, types.size());
    assertTrue(types.get("F32").longValue() > 0);
    assertFalse(root.get("components").get("scheduler").has("dtypes"));
    Map<String, JsonNode> runs = runs(root);
    for (String here :
        new String[] {"pipeline WanPipeline", "9 frames of 48x32", "backend reference"}) {
      assertTrue(runs.get(here).get("here").booleanValue(), here);
    }
    assertEquals(
        "sound is not supported by this pipeline (WanPipeline)",
        runs.get("sound").get("reason").textValue());
    Run text = Run.lvsa("models", "inspect", model, "--frames", 9, "--resolution", "48x32");
    assertTrue(text.out().contains("runs here   pipeline WanPipeline"), text.out());
    assertTrue(
        text.out().lines().anyMatch(line -> line.matches("component +vae .* MiB  F32 [0-9.]+ MiB")),
        text.out());
    assertTrue(text.out().contains("does not    a picture to begin with: "), text.out());
  }

  @Test
  void aVideoThatDoesNotFitIsSaidNotToRun() {
    Assumptions.assumeTrue(Memory.available() < 100L << 30, "skipped: the video fits this machine");
    Run run = Run.lvsa("models", "inspect", model, "--frames", 2001, "--resolution", "4000x4000");
    assertEquals(0, run.code(), run.err());
    String line =
        run.out()
            .lines()
            .filter(one -> one.contains("2001 frames of 4000x4000: "))
            .findFirst()
            .get();
    assertTrue(line.contains(" MiB of memory, ") && line.contains(" MiB are free here"), line);
  }

  @Test
  void whatIsInAFolderThatCannotRunIsPrintedAllTheSame() throws IOException {
    Path index = model.resolve("model_index.json");
    Files.writeString(index, Files.readString(index).replace("WanPipeline", "WanAnimatePipelines"));
    Run run = Run.lvsa("models", "inspect", model);
    assertEquals(2, run.code());
    assertTrue(run.out().startsWith("class       WanAnimatePipelines"), run.out());
    assertTrue(run.out().contains("component   transformer    WanTransformer3DModel"), run.out());
    assertTrue(run.out().contains("pipeline WanAnimatePipelines: "), run.out());
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(run.err().contains("WanAnimatePipelines"), run.err());
  }
}
