// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.GoldenRun;
import org.lvsa.toolkit.hunyuan.TinyHunyuan;
import org.lvsa.toolkit.tensor.Safetensors;

/** HunyuanVideo 1.5 through {@code lvsa generate}, against recorded runs. */
class GenerateHunyuanTest {
  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path directory;

  @BeforeAll
  static void unpack() throws IOException {
    model = TinyHunyuan.unpack(shared);
  }

  /** Runs the settings of a recorded run. */
  private Run golden(String name, JsonNode settings, String frames, String size, Object... more)
      throws IOException {
    List<Object> words =
        new ArrayList<>(
            List.of(
                "generate",
                "--model",
                model,
                "--prompt",
                settings.get("prompt").textValue(),
                "--negative-prompt",
                settings.get("negative_prompt").textValue(),
                "--latents",
                GoldenRun.file(name + ".safetensors", shared),
                "--steps",
                3,
                "--frames",
                settings.get(frames).intValue(),
                "--resolution",
                size,
                "--backend",
                "vector",
                "--output-type",
                "latent",
                "--save-every",
                1));
    words.addAll(List.of(more));
    Run run = Run.lvsa(words.toArray());
    assertEquals(0, run.code(), run.err());
    return run;
  }

  static float[] tensor(Path file, String name) {
    try (Arena arena = Arena.ofConfined()) {
      return Safetensors.open(file, arena).data(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }
  }

  static void check(GoldenRun run, Path out) {
    for (int step = 0; step < 3; step++) {
      String name = "step" + step + ".latents";
      run.checkAtLeast(name, tensor(out, name), 1e-4);
    }
  }

  @Test
  void aDenseRunEqualsTheRecordedOne() throws IOException {
    String name = "hunyuan15/t2v";
    GoldenRun run = GoldenRun.open(name);
    Path out = directory.resolve("out.safetensors");
    // The guidance scale is the model folder's.
    golden(name, run.json().get("settings"), "num_frames", "96x64", "-o", out);
    check(run, out);
  }

  @Test
  void aSparseRunEqualsTheRecordedOneOnOneRankAndOnTwo() throws IOException {
    String name = "lvsa_joint/hunyuan15_rot";
    GoldenRun run = GoldenRun.open(name);
    JsonNode settings = run.json().get("settings");
    Object[] lvsa = sparse(settings);
    Path published = directory.resolve("published.safetensors");
    golden(name, settings, "frames", "48x32", with(lvsa, published, "--text-mask", "published"));
    check(run, published);

    Path one = directory.resolve("one.safetensors");
    Run masked = golden(name, settings, "frames", "48x32", with(lvsa, one));
    assertTrue(masked.err().contains("the texts' padding is left out"), masked.err());
    Path two = directory.resolve("two.safetensors");
    golden(name, settings, "frames", "48x32", with(lvsa, two, "--ulysses-degree", 2));
    assertArrayEquals(tensor(one, "latents"), tensor(two, "latents"), 1e-4f);
  }

  /** The options of a recorded run's sparse attention, and the one of the output. */
  static Object[] sparse(JsonNode settings) {
    return new Object[] {
      "--attention",
      "lvsa",
      "--rotate-keyframes",
      "--window",
      settings.get("window").intValue(),
      "--first-frames",
      settings.get("first").intValue(),
      "--reference-frames",
      settings.get("ref").intValue(),
      "-o"
    };
  }

  static Object[] with(Object[] words, Object... more) {
    List<Object> all = new ArrayList<>(List.of(words));
    all.addAll(List.of(more));
    return all.toArray();
  }
}
