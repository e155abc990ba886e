// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.lvsa.toolkit.cli.GenerateHunyuanTest.check;
import static org.lvsa.toolkit.cli.GenerateHunyuanTest.tensor;
import static org.lvsa.toolkit.cli.GenerateHunyuanTest.with;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.GoldenRun;

/** CogVideoX through {@code lvsa generate}, against recorded runs. */
class GenerateCogVideoXTest {
  @TempDir private static Path shared;
  private static Path model;

  @TempDir private Path directory;

  @BeforeAll
  static void unpack() throws IOException {
    model = GoldenRun.cogVideoXModel(shared);
  }

  private static Path ddim() throws IOException {
    return GoldenRun.file("cogvideox/scheduler_ddim/scheduler_config.json", shared).getParent();
  }

  private static Run generate(Path latents, JsonNode settings, Object... more) {
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
                "--guidance-scale",
                settings.get("guidance_scale").doubleValue(),
                "--steps",
                3,
                "--latents",
                latents,
                "--backend",
                "vector"));
    words.addAll(List.of(more));
    Run run = Run.lvsa(words.toArray());
    assertEquals(0, run.code(), run.err());
    return run;
  }

  /** What tells the recorded runs apart, as options. */
  private static Object[] options(JsonNode settings, Path latents) throws IOException {
    List<Object> options =
        new ArrayList<>(
            List.of(
                "--frames",
                settings.get("num_frames").intValue(),
                "--resolution",
                settings.get("width").intValue() + "x" + settings.get("height").intValue()));
    String transformer = settings.get("tr").textValue();
    if (!transformer.startsWith("model/")) {
      options.add("--component");
      options.add("transformer=" + GoldenRun.component("cogvideox/" + transformer, shared));
    }
    if (settings.get("sched").textValue().equals("ddim")) {
      options.add("--component");
      options.add("scheduler=" + ddim());
    } else {
      options.add("--noise");
      options.add(latents);
    }
    if (settings.get("dyn").booleanValue()) {
      options.add("--dynamic-guidance");
    }
    return options.toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"ddim_cog5b", "ddim_cog2b", "dpm_cog5b", "dpm_cog15"})
  void denseRunsEqualTheRecordedOnes(String name) throws IOException {
    GoldenRun run = GoldenRun.open("cogvideox/" + name);
    JsonNode settings = run.json().get("settings");
    Path latents = GoldenRun.file("cogvideox/" + name + ".safetensors", shared);
    Path out = directory.resolve("out.safetensors");
    generate(
        latents,
        settings,
        with(options(settings, latents), "--output-type", "latent", "--save-every", 1, "-o", out));
    check(run, out);
  }

  @Test
  void framesEqualTheRecordedOnes() throws IOException {
    String name = "cogvideox/dpm_cog15";
    GoldenRun run = GoldenRun.open(name);
    JsonNode settings = run.json().get("settings");
    Path latents = GoldenRun.file(name + ".safetensors", shared);
    Path out = directory.resolve("frames");
    generate(
        latents, settings, with(options(settings, latents), "--output-type", "png", "-o", out));
    run.checkFrames("frames_uint8_round", PngFrames.read(out));
  }

  @Test
  void aSparseRunEqualsTheRecordedOneOnOneRankAndOnTwo() throws IOException {
    String name = "lvsa_joint/cogvideox_rot";
    GoldenRun run = GoldenRun.open(name);
    JsonNode settings = run.json().get("settings");
    Path latents = GoldenRun.file(name + ".safetensors", shared);
    Object[] lvsa = {
      "--component",
      "scheduler=" + ddim(),
      "--frames",
      settings.get("frames").intValue(),
      "--resolution",
      settings.get("w").intValue() + "x" + settings.get("h").intValue(),
      "--attention",
      "lvsa",
      "--rotate-keyframes",
      "--window",
      settings.get("window").intValue(),
      "--first-frames",
      settings.get("first").intValue(),
      "--reference-frames",
      settings.get("ref").intValue(),
      "--output-type",
      "latent",
      "--save-every",
      1,
      "-o"
    };
    Path one = directory.resolve("one.safetensors");
    Run alone = generate(latents, settings, with(lvsa, one));
    check(run, one);
    assertTrue(
        alone.err().contains("[LVSA-hook] Installed LVSA hook on CogVideoXAttention (2 blocks"),
        alone.err());
    Path two = directory.resolve("two.safetensors");
    generate(latents, settings, with(lvsa, two, "--ulysses-degree", 2));
    assertArrayEquals(tensor(one, "latents"), tensor(two, "latents"), 1e-4f);
  }
}
